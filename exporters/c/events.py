"""The part of a check program that classifies the samples in a CSV file of events.

It reads tables that `nmtool data … -o FILE.csv` writes, and bins times as `nmtool.data.bin_events`
does.
"""

from __future__ import annotations

from string import Template

from nmtool.data.binning import BOUNDARY
from nmtool.exporters.c.source import step_arguments
from nmtool.network.integer_network import IntegerNetwork

SHORTEST_CELL = 256
"""Smallest buffer for a cell, in bytes, including the final 0; long class names need more."""

EACH_ROW = """\
        int is_empty = cells[UNIT][0] == '\\0' && cells[TIME_MS][0] == '\\0';
        if (cells[SAMPLE][0] == '\\0') {
            if (!is_empty) {
                refuse("there is no sample");
            }
            continue;
        }
        if (n_samples == 0 || strcmp(sample_name, cells[SAMPLE]) != 0) {
            if (n_samples > 0) {
                end_sample();
            }
            begin_sample();
        }
        if (!is_empty) {
            add_event();
        }
    }
    if (n_samples > 0) {
        end_sample();
    }
"""
"""Body and end of the loop over the rows of a table, and the end of the last sample."""

_PROGRAM = Template("""\
/* ---- Classes of the samples in a file of events. ---- */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLE, LABEL, UNIT, TIME_MS, N_COLUMNS, QUOTE = 34, CELL_SIZE = $cell_size };

static const char *const column_names[N_COLUMNS] = {"sample", "label", "unit", "time_ms"};
static int places[N_COLUMNS] = {-1, -1, -1, -1}; /* of the columns in a row; -1 is none */
static char cells[N_COLUMNS][CELL_SIZE];         /* of the row that was read last */
static const char *events_path;
static long row_line, next_line = 1;

static void refuse(const char *why)
{
    fprintf(stderr, "%s, line %ld: %s\\n", events_path, row_line, why);
    exit(2);
}

/* Read a cell of CSV into at most CELL_SIZE bytes; NULL keeps none. Returns what ends the cell: a
   comma, the end of the line, or EOF. */
static int read_cell(FILE *file, char *cell)
{
    int n = 0, quoted = 0, before = 0, sign = getc(file);

    while (sign != EOF && (quoted || (sign != ',' && sign != '\\n'))) {
        /* Two quotes inside of quotes are one. */
        int is_text = sign == QUOTE ? !quoted && before == QUOTE : quoted || sign != '\\r';
        if (cell != NULL && is_text) {
            if (n == CELL_SIZE - 1) {
                refuse("a cell is too long");
            }
            cell[n++] = (char)sign;
        }
        quoted ^= sign == QUOTE;
        next_line += sign == '\\n';
        before = sign;
        sign = getc(file);
    }
    next_line += sign == '\\n';
    if (cell != NULL) {
        cell[n] = '\\0';
    }
    return sign;
}

static void read_names(FILE *file)
{
    int sign = ',';

    row_line = next_line;
    for (int place = 0; sign == ','; place++) {
        sign = read_cell(file, cells[0]);
        for (int i = 0; i < N_COLUMNS; i++) {
            places[i] = strcmp(cells[0], column_names[i]) == 0 ? place : places[i];
        }
    }
    if (places[SAMPLE] < 0 || places[UNIT] < 0 || places[TIME_MS] < 0) {
        refuse("the first line has to name the columns sample, unit and time_ms, between commas");
    }
}

/* Read the next row; 0 at the end of the file. */
static int read_row(FILE *file)
{
    int sign = ',';

    row_line = next_line;
    for (int i = 0; i < N_COLUMNS; i++) {
        cells[i][0] = '\\0';
    }
    for (int place = 0; sign == ','; place++) {
        char *cell = NULL;
        for (int i = 0; i < N_COLUMNS; i++) {
            cell = places[i] == place ? cells[i] : cell;
        }
        sign = read_cell(file, cell);
    }
    return sign != EOF || cells[SAMPLE][0] != '\\0';
}

static double number(const char *cell, const char *why)
{
    char *end;
    double value = strtod(cell, &end);

    if (end == cell || *end != '\\0' || !(value >= 0)) {
        refuse(why);
    }
    return value;
}

/* Unit of the row, as the channel it belongs to. */
static nmtool_index channel_of_row(void)
{
    static const char why[] = "unit has to be a whole number from 0 to $last_unit";
    double unit = number(cells[UNIT], why);

    if (unit > $last_unit || unit != (double)(long)unit) {
        refuse(why);
    }
    return (nmtool_index)((long)unit / $group);
}

/* Step of the row's time, $n_steps where it is after the last one. */
static long step_of_row(void)
{
    double position = number(cells[TIME_MS], "time_ms has to be a number from 0 on") / $dt_ms;
    double rounding = position / 2251799813685248.0;

    /* Times that are no binary fractions, such as 0.3, do not fall short of their step. */
    position += rounding > $boundary ? rounding : $boundary;
    return position < $n_steps ? (long)position : $n_steps;
}

/* The sample that is running: its name and label, and the spikes that its coming step waits for. */
static char sample_name[CELL_SIZE], sample_label[CELL_SIZE];
static long coming_step, n_samples, n_as_labelled, n_late;
static nmtool_index due[$n_channels];
${counts}static int n_due;

/* Refuse a name that came before: rows of its sample do not stand together. */
static void remember(const char *name)
{
    static uint64_t *hashes;
    static long room;
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *name != '\\0'; name++) {
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    }
    for (long i = 0; i < n_samples; i++) {
        if (hashes[i] == hash) {
            refuse("rows of a sample have to stand together; nmtool data FILE -o SORTED.csv sorts "
                   "them");
        }
    }
    if (n_samples == room) {
        room = 2 * room + 64;
        hashes = realloc(hashes, (size_t)room * sizeof *hashes);
        if (hashes == NULL) {
            refuse("there is no memory for more samples");
        }
    }
    hashes[n_samples] = hash;
}

static void begin_sample(void)
{
    remember(cells[SAMPLE]);
    strcpy(sample_name, cells[SAMPLE]);
    strcpy(sample_label, cells[LABEL]);
    nmtool_reset();
    coming_step = 0;
    n_due = 0;
    n_samples++;
}

static void run_until(long step_number)
{
    for (; coming_step < step_number; coming_step++) {
        nmtool_step($step_arguments, n_due);
        n_due = 0;
    }
}

static void end_sample(void)
{
    const char *name;

    run_until($n_steps);
    name = nmtool_class_names[nmtool_answer()];
    printf("sample %s: class %d \\"%s\\"", sample_name, nmtool_answer(), name);
    if (places[LABEL] >= 0) {
        printf(", label \\"%s\\"", sample_label);
        n_as_labelled += strcmp(name, sample_label) == 0;
    }
    printf("\\n");
}

static void add_event(void)
{
    nmtool_index channel = channel_of_row();
    long step_number = step_of_row();

    if (step_number < coming_step) {
        refuse("the times of a sample have to ascend; nmtool data FILE -o SORTED.csv sorts them");
    }
    run_until(step_number);
    if (step_number == $n_steps) {
        n_late++;
        return;
    }
    for (int k = 0; k < n_due; k++) {
        if (due[k] == channel) {
            $again
        }
    }
${first}    due[n_due++] = channel;
}

static int classify(const char *path)
{
    FILE *file = fopen(path, "r");

    events_path = path;
    if (file == NULL) {
        fprintf(stderr, "%s cannot be opened\\n", path);
        return 2;
    }
    read_names(file);
    while (read_row(file)) {
$each_row    fclose(file);
    if (places[LABEL] >= 0) {
        printf("as labelled %ld of %ld\\n", n_as_labelled, n_samples);
    }
    if (n_late > 0) {
        printf("events after the last step %ld\\n", n_late);
    }
    return 0;
}
""")


def counting(network: IntegerNetwork) -> dict[str, str]:
    """The parts of a program that collect the channels, or their counts, of the coming step."""
    size, most = network.channels.size, network.channels.most_spikes
    parts = {"step_arguments": step_arguments(network, "due", "due_counts")}
    if most == 1:
        once = "return; /* one spike per step and channel */"
        return {**parts, "counts": "", "again": once, "first": ""}
    more = f"due_counts[k] = (uint8_t)(due_counts[k] + (due_counts[k] < {most}));"
    return {
        **parts,
        "counts": f"static uint8_t due_counts[{size}];\n",
        "again": f"{more}\n            return; /* up to {most} spikes per step and channel */",
        "first": "    due_counts[n_due] = 1;\n",
    }


def classifying(network: IntegerNetwork) -> str:
    """C code of `classify` and its helper functions. `classify` takes a file of events."""
    channels = network.channels
    longest = max((len(name.encode()) for name in network.class_names), default=0)
    return _PROGRAM.substitute(
        **counting(network),
        cell_size=max(SHORTEST_CELL, longest + 1),
        n_channels=channels.size,
        group=channels.group,
        last_unit=channels.size * channels.group - 1,
        n_steps=network.n_steps,
        dt_ms=repr(network.dt_ms),
        boundary=repr(BOUNDARY),
        each_row=EACH_ROW,
    )
