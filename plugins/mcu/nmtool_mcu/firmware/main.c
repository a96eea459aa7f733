/*
 * Reads events and prints the class of every sample: an example of how the network is used.
 *
 * EVENTS.csv has a row per event; its first line names the columns sample, unit and time_ms, and
 * perhaps label, in any order. Rows of a sample stand together, their times ascend. A firmware
 * replaces `read_byte` by what its sensor delivers, and `print` by what is to be done.
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "$prefix.h"

enum { SAMPLE, LABEL, UNIT, TIME_MS, N_COLUMNS, END = -1, QUOTE = 34, CELL_SIZE = $cell_size };

static const char *const column_names[N_COLUMNS] = {"sample", "label", "unit", "time_ms"};
static int places[N_COLUMNS] = {-1, -1, -1, -1}; /* of the columns in a row; -1 is none */
static char cells[N_COLUMNS][CELL_SIZE];
static long row_line = 1;
static int events;

static struct nmtool_state net;
static char sample_name[CELL_SIZE], sample_label[CELL_SIZE];
static nmtool_index due[$n_channels]; /* channels that spike in the coming step */
//% if channel_counts
static uint8_t due_counts[$n_channels];
//% end channel_counts
static int n_due;
static long coming_step, n_samples, n_as_labelled, n_late;

static int read_byte(void)
{
    static unsigned char buffer[256];
    static int n, next;

    if (next == n) {
        n = (int)read(events, buffer, sizeof buffer);
        next = 0;
    }
    return n > 0 ? buffer[next++] : END;
}

static void print(const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = write(1, text, left);
        if (n <= 0) {
            _exit(2);
        }
        text += n;
        left -= (size_t)n;
    }
}

static void print_number(long number)
{
    char digits[24];
    int first = sizeof digits - 1;

    digits[first] = 0;
    do {
        digits[--first] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    print(&digits[first]);
}

static void refuse(const char *why)
{
    print("line ");
    print_number(row_line);
    print(": ");
    print(why);
    print("\n");
    _exit(2);
}

/* Read a cell; what ended it: a comma, the end of the line, or END. */
static int read_cell(char *cell)
{
    int n = 0, quoted = 0, byte;

    for (;;) {
        byte = read_byte();
        if (byte == END || (!quoted && (byte == ',' || byte == '\n'))) {
            break;
        }
        if (byte == QUOTE) {
            quoted = !quoted;
        } else if (byte != '\r' && cell != NULL) {
            if (n == CELL_SIZE - 1) {
                refuse("a cell is too long");
            }
            cell[n++] = (char)byte;
        }
    }
    if (cell != NULL) {
        cell[n] = 0;
    }
    return byte;
}

static void read_names(void)
{
    int byte = ',';

    for (int place = 0; byte == ','; place++) {
        byte = read_cell(cells[0]);
        for (int i = 0; i < N_COLUMNS; i++) {
            places[i] = strcmp(cells[0], column_names[i]) == 0 ? place : places[i];
        }
    }
    if (places[SAMPLE] < 0 || places[UNIT] < 0 || places[TIME_MS] < 0) {
        refuse("the first line has to name the columns sample, unit and time_ms, between commas");
    }
}

/* Read the next row; 0 at the end of the file. */
static int read_row(void)
{
    int byte = ',';

    row_line++;
    for (int i = 0; i < N_COLUMNS; i++) {
        cells[i][0] = 0;
    }
    for (int place = 0; byte == ','; place++) {
        char *cell = NULL;
        for (int i = 0; i < N_COLUMNS; i++) {
            cell = places[i] == place ? cells[i] : cell;
        }
        byte = read_cell(cell);
    }
    return byte != END || cells[SAMPLE][0] != 0;
}

/* A number of a cell in parts of 1 / unit, rounded; no exponents. */
static uint64_t number(const char *cell, uint64_t unit, const char *why)
{
    uint64_t value = 0;
    int n = 0;

    for (; *cell >= '0' && *cell <= '9'; cell++, n++) {
        value = value * 10 + (uint64_t)(*cell - '0');
        if (value > UINT32_MAX) {
            refuse(why);
        }
    }
    value *= unit;
    if (*cell == '.' && unit > 1) {
        for (cell++; *cell >= '0' && *cell <= '9'; cell++, n++) {
            if (unit >= 10) {
                unit /= 10;
                value += (uint64_t)(*cell - '0') * unit;
            } else {
                value += unit == 1 && *cell >= '5';
                unit = 0; /* digits that follow say nothing more */
            }
        }
    }
    if (n == 0 || *cell != 0) {
        refuse(why);
    }
    return value;
}

static void begin_sample(void)
{
    strcpy(sample_name, cells[SAMPLE]);
    strcpy(sample_label, cells[LABEL]);
    nmtool_reset(&net);
    coming_step = 0;
    n_due = 0;
    n_samples++;
}

static void run_until(long step)
{
    for (; coming_step < step; coming_step++) {
        nmtool_step(&net, due, ${channel_counts?due_counts, }n_due);
        n_due = 0;
    }
}

static void end_sample(void)
{
    int answer;

    run_until(nmtool_n_steps);
    answer = nmtool_answer(&net);
    print("sample ");
    print(sample_name);
    print(": class ");
    print_number(answer);
    print(" \"");
    print(nmtool_class_names[answer]);
    print("\"");
    if (places[LABEL] >= 0) {
        print(", label \"");
        print(sample_label);
        print("\"");
        n_as_labelled += strcmp(nmtool_class_names[answer], sample_label) == 0;
    }
    print("\n");
}

static void add_event(void)
{
    uint64_t unit = number(cells[UNIT], 1, "unit has to be a whole number");
    uint64_t time = number(cells[TIME_MS], UINT64_C($units_per_ms), "time_ms has to be a decimal number from 0 on");
    uint64_t step = time / UINT64_C($units_per_step);

    if (unit > $last_unit) {
        refuse("unit has to be a whole number from 0 to $last_unit");
    }
    if (step >= nmtool_n_steps) {
        run_until(nmtool_n_steps);
        n_late++;
        return;
    }
    if ((long)step < coming_step) {
        refuse("the times of a sample have to ascend");
    }
    run_until((long)step);
    for (int k = 0; k < n_due; k++) {
        if (due[k] == unit / $group) {
//% if channel_counts
            due_counts[k] = (uint8_t)(due_counts[k] + (due_counts[k] < $most));
            return; /* up to $most spikes per step and channel */
//% else channel_counts
            return; /* one spike per step and channel */
//% end channel_counts
        }
    }
//% if channel_counts
    due_counts[n_due] = 1;
//% end channel_counts
    due[n_due++] = (nmtool_index)(unit / $group);
}

int main(int argc, char **argv)
{
    /* An emulator without a list of arguments hands the path over as the last one. */
    const char *path = argc > 1 ? argv[argc - 1] : "events.csv";

    events = open(path, O_RDONLY);
    if (events < 0) {
        print(path);
        print(" cannot be opened\n");
        return 2;
    }
    read_names();
    while (read_row()) {
        int is_empty = cells[UNIT][0] == '\0' && cells[TIME_MS][0] == '\0';
        if (cells[SAMPLE][0] == '\0') {
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
    if (places[LABEL] >= 0) {
        print("as labelled ");
        print_number(n_as_labelled);
        print(" of ");
        print_number(n_samples);
        print("\n");
    }
    if (n_late > 0) {
        print("events after the last step ");
        print_number(n_late);
        print("\n");
    }
    return 0;
}
