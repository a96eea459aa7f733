#ifdef NMTOOL_MAIN
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
    fprintf(stderr, "%s, line %ld: %s\n", events_path, row_line, why);
    exit(2);
}

/* Read a cell of CSV into at most CELL_SIZE bytes; NULL keeps none. Returns what ends the cell: a
   comma, the end of the line, or EOF. */
static int read_cell(FILE *file, char *cell)
{
    int n = 0, quoted = 0, before = 0, sign = getc(file);

    while (sign != EOF && (quoted || (sign != ',' && sign != '\n'))) {
        /* Two quotes inside of quotes are one. */
        int is_text = sign == QUOTE ? !quoted && before == QUOTE : quoted || sign != '\r';
        if (cell != NULL && is_text) {
            if (n == CELL_SIZE - 1) {
                refuse("a cell is too long");
            }
            cell[n++] = (char)sign;
        }
        quoted ^= sign == QUOTE;
        next_line += sign == '\n';
        before = sign;
        sign = getc(file);
    }
    next_line += sign == '\n';
    if (cell != NULL) {
        cell[n] = '\0';
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
        cells[i][0] = '\0';
    }
    for (int place = 0; sign == ','; place++) {
        char *cell = NULL;
        for (int i = 0; i < N_COLUMNS; i++) {
            cell = places[i] == place ? cells[i] : cell;
        }
        sign = read_cell(file, cell);
    }
    return sign != EOF || cells[SAMPLE][0] != '\0';
}

static double number(const char *cell, const char *why)
{
    char *end;
    double value = strtod(cell, &end);

    if (end == cell || *end != '\0' || !(value >= 0)) {
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
    double position = number(cells[TIME_MS], "time_ms has to be a number from 0 on") / $exact_dt_ms;
    double rounding = position / 2251799813685248.0;

    /* Times that are no binary fractions, such as 0.3, do not fall short of their step. */
    position += rounding > $boundary ? rounding : $boundary;
    return position < $n_steps ? (long)position : $n_steps;
}

/* The sample that is running: its name and label, and the spikes that its coming step waits for. */
static char sample_name[CELL_SIZE], sample_label[CELL_SIZE];
static long coming_step, n_samples, n_as_labelled, n_late;
static nmtool_index due[$n_channels];
//% if channel_counts
static uint8_t due_counts[$n_channels];
//% end channel_counts
static int n_due;

/* Refuse a name that came before: rows of its sample do not stand together. */
static void remember(const char *name)
{
    static uint64_t *hashes;
    static long room;
    uint64_t hash = UINT64_C(14695981039346656037);

    for (; *name != '\0'; name++) {
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
        nmtool_step(due, ${channel_counts?due_counts, }n_due);
        n_due = 0;
    }
}

static void end_sample(void)
{
    const char *name;

    run_until($n_steps);
    name = nmtool_class_names[nmtool_answer()];
    printf("sample %s: class %d \"%s\"", sample_name, nmtool_answer(), name);
    if (places[LABEL] >= 0) {
        printf(", label \"%s\"", sample_label);
        n_as_labelled += strcmp(name, sample_label) == 0;
    }
    printf("\n");
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
    due[n_due++] = channel;
}

static int classify(const char *path)
{
    FILE *file = fopen(path, "r");

    events_path = path;
    if (file == NULL) {
        fprintf(stderr, "%s cannot be opened\n", path);
        return 2;
    }
    read_names(file);
    while (read_row(file)) {
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
    fclose(file);
    if (places[LABEL] >= 0) {
        printf("as labelled %ld of %ld\n", n_as_labelled, n_samples);
    }
    if (n_late > 0) {
        printf("events after the last step %ld\n", n_late);
    }
    return 0;
}

//% if known
/* ---- Known answers to $n_answers samples of $answer_steps steps, and what compares. ---- */

/* Spikes by row, which is sample * $answer_steps + step, then neuron; row -1 ends a list. */
$arrays

struct spike_list {
    const int32_t *row;
    const int32_t *neuron;
//% if any_counts
    const uint8_t *count;
//% end any_counts
};

static long spikes_compared, spikes_different, membranes_compared, membranes_different;
//% if known_states
static long states_compared, steps_different;
//% end known_states

/* The first difference; neuron -1 is any neuron of the population. */
static struct {
    int32_t row;
    const char *population;
    const char *quantity;
    int32_t neuron;
    long expected;
    long found;
} first = {-1, "", "", 0, 0, 0};

static void differ(int32_t row, const char *population, const char *quantity, int32_t neuron,
                   long expected, long found)
{
    if (first.row < 0) {
        first.row = row;
        first.population = population;
        first.quantity = quantity;
        first.neuron = neuron;
        first.expected = expected;
        first.found = found;
    }
}

static void tell_first(void)
{
    if (first.row < 0) {
        return;
    }
    printf("first difference: sample %ld, step %ld, %s", (long)(first.row / $answer_steps),
           (long)(first.row % $answer_steps), first.population);
    if (first.neuron >= 0) {
        printf("[%ld], %s: expected %ld, got %ld\n", (long)first.neuron, first.quantity,
               first.expected, first.found);
    } else {
        printf(", %s of one neuron or more\n", first.quantity);
    }
}

//% if spiking
//% if any_counts
/* Spikes per neuron; a list without counts has one of each neuron in it. */
static void compare_spikes(struct spike_list *expected, int32_t row, const char *population,
                           const nmtool_index *found, const uint8_t *counts, int n_found,
                           int n_neurons)
//% else any_counts
static void compare_spikes(struct spike_list *expected, int32_t row, const char *population,
                           const nmtool_index *found, int n_found, int n_neurons)
//% end any_counts
{
    int k = 0;

    while (*expected->row == row || k < n_found) {
        int32_t due = *expected->row == row ? *expected->neuron : INT32_MAX;
        int32_t got = k < n_found ? (int32_t)found[k] : INT32_MAX;
//% if any_counts
        int n_due = due <= got ? *expected->count : 0;
        int n_got = got > due ? 0 : counts != NULL ? counts[k] : 1;
        if (n_due != n_got) {
            spikes_different++;
            differ(row, population, n_due > 1 || n_got > 1 ? "spikes" : "spike",
                   due < got ? due : got, n_due, n_got);
        }
//% else any_counts
        if (due != got) {
            spikes_different++;
            differ(row, population, "spike", due < got ? due : got, due < got, got < due);
        }
//% end any_counts
        if (due <= got) {
            expected->row++;
            expected->neuron++;
//% if any_counts
            expected->count++;
//% end any_counts
        }
        if (got <= due) {
            k++;
        }
    }
    spikes_compared += n_neurons;
}

//% end spiking
//% if integrating
static void compare_membranes(const int32_t *expected, int32_t row, const char *population,
                              const int32_t *found, int n_neurons)
{
    expected += (long)row * n_neurons;
    for (int i = 0; i < n_neurons; i++) {
        if (expected[i] != found[i]) {
            membranes_different++;
            differ(row, population, "v", i, expected[i], found[i]);
        }
    }
    membranes_compared += n_neurons;
}

//% end integrating
//% if known_states
/* One sum over u and v of a population after a step; any single state that differs changes it. */
static void compare_states(const uint32_t *expected, int32_t row, const char *population,
                           const int32_t *current, const int32_t *membrane, int n_neurons)
{
    uint32_t sum = 2166136261u;

    for (int i = 0; i < 2 * n_neurons; i++) {
        uint32_t word = (uint32_t)(i < n_neurons ? current[i] : membrane[i - n_neurons]);
        sum = (sum ^ word) * 16777619u;
        sum ^= sum >> 15;
    }
    if (sum != expected[row]) {
        steps_different++;
        differ(row, population, "u or v", -1, 0, 0);
    }
    states_compared += 2 * n_neurons;
}

//% end known_states
static void run_step(int32_t row)
{
    static struct spike_list input = {known_row_input, known_neuron_input${any_counts?, known_count_input}};
//% unless spiking

//% end spiking
//% each populations
//% if spikes
    static struct spike_list expected_$name = {known_row_$name, known_neuron_$name${any_counts?, known_count_$name}};
//% end spikes
//% end populations
    static nmtool_index channels[$n_channels];
//% if channel_counts
    static uint8_t counts[$n_channels];
//% end channel_counts
    int n = 0;

    for (; *input.row == row; input.row++, input.neuron++${channel_counts?, input.count++}) {
//% if channel_counts
        counts[n] = *input.count;
//% end channel_counts
        channels[n++] = (nmtool_index)*input.neuron;
    }
    nmtool_step(channels, ${channel_counts?counts, }n);
//% each populations
//% if spikes
    compare_spikes(&expected_$name, row, "$name", nmtool_spikes_$name, ${any_counts?$counts_or_null, }nmtool_n_spikes_$name, $size);
//% else spikes
    compare_membranes(known_membrane_$name, row, "$name", nmtool_membrane_$name, $size);
//% end spikes
//% end populations
//% each populations
//% if known_states
    compare_states(known_states_$name, row, "$name", current_$name, nmtool_membrane_$name, $size);
//% end known_states
//% end populations
}

static int check_answers(void)
{
    for (int32_t row = 0; row < $n_answers * $answer_steps; row++) {
        if (row % $answer_steps == 0) {
            nmtool_reset();
        }
        run_step(row);
    }
    printf("network $hash\n");
    printf("spikes compared %ld, different %ld\n", spikes_compared, spikes_different);
    printf("membranes compared %ld, different %ld\n", membranes_compared, membranes_different);
//% if known_states
    printf("u and v compared %ld, steps different %ld\n", states_compared, steps_different);
//% end known_states
    tell_first();
    return spikes_different || membranes_different${known_states? || steps_different};
}
//% else known
static int check_answers(void)
{
    fputs("this file carries no known answers to check; nmtool export writes them\n", stderr);
    return 2;
}
//% end known

int main(int argc, char **argv)
{
    return argc > 1 ? classify(argv[1]) : check_answers();
}
#endif
