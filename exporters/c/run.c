//% if passes
#define _POSIX_C_SOURCE 199309L
//% end passes
#include <stdio.h>
#include <stdlib.h>
//% if passes
#include <time.h>
//% end passes

#include "$network"

static FILE *inputs[3], *outputs[$n_populations][3];

/* The input of a sample: in step i, channels begin[i] ... begin[i + 1] - 1 spike. */
static int64_t begin[$n_steps + 1];
static nmtool_index channels[$most_events];
static uint8_t counts[$most_events];

static FILE *opened(const char *name, const char *mode)
{
    FILE *file = fopen(name, mode);

    if (file == NULL) {
        fprintf(stderr, "%s could not be opened\n", name);
        exit(1);
    }
    return file;
}

static void take(void *values, size_t size, size_t n, FILE *file)
{
    if (fread(values, size, n, file) != n) {
        fputs("the samples could not be read\n", stderr);
        exit(1);
    }
}

static void read_sample(void)
{
    take(begin, sizeof *begin, $n_steps + 1, inputs[0]);
    take(channels, sizeof *channels, (size_t)begin[$n_steps], inputs[1]);
    take(counts, sizeof *counts, (size_t)begin[$n_steps], inputs[2]);
}

static void run_step(int i)
{
    nmtool_step(&channels[begin[i]], ${channel_counts?&counts[begin[i]], }(int)(begin[i + 1] - begin[i]));
}

/* Write spikes, as row, neuron and number of spikes, and states to the files that are open. */
static void record(int population, int64_t row, const nmtool_index *spikes, const uint8_t *n,
                   int n_spikes, const int32_t *v, const int32_t *u, size_t size)
{
    FILE **file = outputs[population];

    for (int k = 0; file[0] != NULL && k < n_spikes; k++) {
        int64_t spike[3] = {row, spikes[k], n == NULL ? 1 : n[k]};
        fwrite(spike, sizeof spike, 1, file[0]);
    }
    if (file[1] != NULL) {
        fwrite(v, sizeof *v, size, file[1]);
    }
    if (file[2] != NULL) {
        fwrite(u, sizeof *u, size, file[2]);
    }
}

static void record_step(int64_t row)
{
//% each populations
//% if spikes
    record($index, row, nmtool_spikes_$name, $counts_or_null, nmtool_n_spikes_$name, nmtool_membrane_$name, current_$name, $size);
//% else spikes
    record($index, row, NULL, NULL, 0, nmtool_membrane_$name, current_$name, $size);
//% end spikes
//% end populations
}

//% if passes
static volatile int answer;

$clock
/* Print the time of a sample, from its reset to its answer. */
static void time_sample(void)
{
//% if times_steps
    int64_t all = 0, most = 0, empty = now();
    empty = now() - empty; /* a reading of the clock takes time, too */
    nmtool_reset();
    for (int i = 0; i < $n_steps; i++) {
        int64_t began = now();
        run_step(i);
        began = now() - began - empty;
        all += began;
        most = began > most ? began : most;
    }
    answer = nmtool_answer();
    printf("%lld\n%lld\n", (long long)all, (long long)most);
//% else times_steps
    int64_t began = now();
    nmtool_reset();
    for (int i = 0; i < $n_steps; i++) {
        run_step(i);
    }
    answer = nmtool_answer();
    printf("%lld\n", (long long)(now() - began));
//% end times_steps
}

//% end passes
int main(void)
{
    static const char *const input_names[3] = {"begin", "channels", "counts"};
    static const char *const output_names[$n_populations][3] = {
//% each populations
//% if deep
        {${spikes?"$index.spikes":NULL}, "$index.v", "$index.u"},
//% else deep
        {${spikes?"$index.spikes", NULL:NULL, "$index.v"}, NULL},
//% end deep
//% end populations
    };
    int failed = 0;

    for (int i = 0; i < 3; i++) {
        inputs[i] = opened(input_names[i], "rb");
    }
    for (int i = 0; i < $n_populations * 3; i++) {
        const char *name = output_names[i / 3][i % 3];
        outputs[i / 3][i % 3] = name == NULL ? NULL : opened(name, "wb");
    }
    for (int64_t sample = 0; sample < $n_samples; sample++) {
        read_sample();
        nmtool_reset();
        for (int i = 0; i < $n_steps; i++) {
            run_step(i);
            record_step(sample * $n_steps + i);
        }
        puts("$recorded");
        fflush(stdout);
    }
    for (int i = 0; i < $n_populations * 3; i++) {
        FILE *file = outputs[i / 3][i % 3];
        failed |= file != NULL && (ferror(file) || fclose(file) != 0);
    }
    if (failed) {
        fputs("the recording could not be written\n", stderr);
    }
//% if passes
    for (int pass = 0; pass < $passes; pass++) {
        for (int i = 0; i < 3; i++) {
            rewind(inputs[i]);
        }
        for (int64_t sample = 0; sample < $n_samples; sample++) {
            read_sample();
            time_sample();
        }
        fflush(stdout);
    }
//% end passes
    return failed;
}
