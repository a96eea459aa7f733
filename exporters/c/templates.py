"""Templates of the C text of an exported program.

`neuron_step` restates `hardware_sim/step.py`, and `ADVANCE_SUBTRACTING` `hardware_sim/resets.py`.
Sums are unsigned, because only unsigned integers wrap around in C; `low_word` makes them signed
again. Division truncates toward zero in C99.
"""

from __future__ import annotations

from string import Template

ALONE = "Interface: copy this part into a header of yours. ".ljust(88, "-")
IN_HEADER = "Interface, as in the header. ".ljust(88, "-")
"""Titles of the declarations in a C file without a header file, and in one with a header file."""

DECLARATIONS = Template("""\
#include <stdint.h>

/* ---- $title */

$interface

/* ---- End of the interface. ------------------------------------------------------------------ */

/* This program is for an int of at least 32 bits; a compiler that has less stops here. */
typedef char nmtool_needs_int_of_32_bits[sizeof(int) >= 4 ? 1 : -1];
""")

INTERFACE = Template("""\
typedef $index_type nmtool_index; /* a channel or a neuron, counted from 0 */

/* Begin a sample: everything is as if nothing had ever been heard. */
void nmtool_reset(void);

$step

/* The class that the steps since nmtool_reset speak for, the lowest of equals. */
int nmtool_answer(void);

/* Names of the classes, in UTF-8. */
extern const char *const nmtool_class_names[$n_classes];

$last_step$externs""")

STEP_OF_CHANNELS = Template("""\
/* One step of $dt_ms ms: the n channels that spike in it, in any order, each once. 0; or -1, and
   nothing happens, where there are no such channels. */
int nmtool_step(const nmtool_index *channels, int n);""")

STEP_OF_COUNTS = Template("""\
/* One step of $dt_ms ms: the n channels that spike in it, in any order, each once, and how often
   each of them spikes, 1 to $most times. 0; or -1, and nothing happens, where there are no such
   channels or counts. */
int nmtool_step(const nmtool_index *channels, const uint8_t *counts, int n);""")
"""The function that runs a step: if channels spike or not, and if they carry counts."""

COUNTED_SPIKES = """\
how often each
   of them did where it can be more than once, """

LAST_STEP = Template("""\
/* What every population did in the last step: the neurons that spiked, ascending, ${counted}and \
the membrane
   of each neuron$when. */
""")

SHARED = Template("""\
#ifdef __cplusplus
extern "C" {
#endif

enum {
    nmtool_n_channels = $n_channels,
    nmtool_n_steps = $n_steps, /* of a sample */
    nmtool_n_classes = $n_classes
};

$interface

/* The scores of all classes, nmtool_n_classes of them, which the next step changes. The largest is
   that of the answer; where it is small, or leads by little, reject the answer. T steps after
   nmtool_reset, with v the membranes of '$readout' and n counted from 0, class c scores
   $scores. */
const int64_t *nmtool_scores(void);

#ifdef __cplusplus
}
#endif""")

HEADER = Template("""\
$comment
#ifndef NMTOOL_${prefix}_H
#define NMTOOL_${prefix}_H

#include <stdint.h>

$interface

#endif
""")

SCORES = """\
const int64_t *nmtool_scores(void)
{
    return score;
}
"""

NEURON = Template("""\
enum {
    DECAY_ONE = $decay_one,    /* decays are parts of this */
    STATE_LIMIT = $limit, /* where u wraps around and v saturates */
    STATE_SHIFT = $shift          /* of weights and thresholds, when they meet the state */
};

/* The signed number whose low 32 bits these are. */
static int32_t low_word(uint32_t word)
{
    return word <= INT32_MAX ? (int32_t)word : -(int32_t)(UINT32_MAX - word) - 1;
}

/* What is left of a state of which a step keeps so many of DECAY_ONE parts,
   rounded toward zero. */
static int32_t decayed(int32_t state, int32_t keep)
{
    return (int32_t)((int64_t)state * keep / DECAY_ONE);
}

/* One step of one neuron; 1 if it spikes. u is its synaptic current, v its membrane, `arriving`
   the sum of the weights that arrive. */
static int neuron_step(int32_t *current, int32_t *membrane, uint32_t arriving, int32_t bias,
                       int32_t keep_u, int32_t keep_v, int32_t threshold)
{
    int32_t u = low_word((uint32_t)decayed(*current, keep_u) + (arriving << STATE_SHIFT));
    int32_t v;

    if (u > STATE_LIMIT) {
        u -= 2 * STATE_LIMIT;
    } else if (u <= -STATE_LIMIT) {
        u += 2 * STATE_LIMIT;
    }
    v = low_word((uint32_t)decayed(*membrane, keep_v) + (uint32_t)u + (uint32_t)bias);
    if (v >= STATE_LIMIT) {
        v = STATE_LIMIT - 1;
    } else if (v <= -STATE_LIMIT) {
        v = 1 - STATE_LIMIT;
    }
    *current = u;
    *membrane = v > threshold ? 0 : v;
    return v > threshold;
}
""")

POPULATION = Template("""\
/* ---- $name: $what. ---- */

$bias

static int32_t current_$name[$size];
int32_t nmtool_membrane_$name[$size];
static uint32_t arriving_$name[$slots * $size]; /* weights by step of arrival, a ring of $slots */
static int slot_$name; /* of the ring: the step that is next */
$spike_list
static void reset_$name(void)
{
    for (int i = 0; i < $size; i++) {
        current_$name[i] = 0;
        nmtool_membrane_$name[i] = 0;
    }
    for (int i = 0; i < $slots * $size; i++) {
        arriving_$name[i] = 0;
    }
    slot_$name = 0;
$no_spikes}

static void update_$name(void)
{
    uint32_t *arriving = &arriving_$name[slot_$name * $size];

$no_spikes    for (int i = 0; i < $size; i++) {
        $advance
        arriving[i] = 0;
    }
    slot_$name = slot_$name + 1 < $slots ? slot_$name + 1 : 0;
}
""")

NO_SPIKES = Template("""\
    nmtool_n_spikes_$name = 0;
""")

SPIKE_LIST = Template("""\
nmtool_index nmtool_spikes_$name[$size];
${counts}int nmtool_n_spikes_$name;
""")

SPIKE_COUNTS = Template("""\
uint8_t nmtool_counts_$name[$size];
""")

ADVANCE = Template("""\
neuron_step(&current_$name[i], &nmtool_membrane_$name[i], arriving[i],
                        bias_$name[i] * $bias_factor, $keep_u, $keep_v, $vth << STATE_SHIFT)""")

ADVANCE_SPIKING = Template("""\
if ($advance) {
            nmtool_spikes_$name[nmtool_n_spikes_$name++] = (nmtool_index)i;
        }""")

ADVANCE_SUBTRACTING = Template("""\
${owed}neuron_step(&current_$name[i], &nmtool_membrane_$name[i], arriving[i],
                    bias_$name[i] * $bias_factor$less, $keep_u, $keep_v, STATE_LIMIT);
        if (nmtool_membrane_$name[i] > $vth << STATE_SHIFT) {
            ${reset}nmtool_spikes_$name[nmtool_n_spikes_$name++] = (nmtool_index)i;
        }""")
"""The step of a neuron that is not reset to zero.

No membrane is above `STATE_LIMIT`, so that `neuron_step` itself resets none.
"""

SUBTRACT = Template("""\
nmtool_membrane_$name[i] -= $reset_by << STATE_SHIFT;
            """)

SUBTRACT_COUNTED = Template("""\
/* As often as it is above the threshold, but at most $most times. */
            int32_t count = (nmtool_membrane_$name[i] - ($vth << STATE_SHIFT) - 1) /
                                ($reset_by << STATE_SHIFT) +
                            1;
            count = count < $most ? count : $most;
            nmtool_membrane_$name[i] -= count * ($reset_by << STATE_SHIFT);
            nmtool_counts_$name[nmtool_n_spikes_$name] = (uint8_t)count;
            """)
"""The reset of a neuron that can spike several times in a step."""

OWED = Template("""\
/* A membrane above the threshold spiked in the step before. */
        int32_t owed =
            nmtool_membrane_$name[i] > $vth << STATE_SHIFT ? $reset_by << STATE_SHIFT : 0;

        """)
"""What a late reset subtracts in this step."""

PROJECTION = Template("""\
/* ---- $source -> $target: $pre x $post synapses, row after row of $source. ---- */

$weight
$delay

static void send_$name(int neuron$count)
{
    const $weight_type *weight = &weight_$name[neuron * $post];
    const uint8_t *delay = &delay_$name[neuron * $post];

    for (int i = 0; i < $post; i++) {
        int slot = slot_$target + delay[i];
        slot = slot < $slots ? slot : slot - $slots;
        arriving_$target[slot * $post + i] += (uint32_t)(weight[i] * $factor)$times;
    }
}
""")

STEP = Template("""\
/* ---- The network. ---- */

static uint32_t step; /* since nmtool_reset */
static int64_t score[$n_classes];

const char *const nmtool_class_names[$n_classes] = {
    $names
};

${variables}static void keep_score(void)
{
$keep}

int nmtool_answer(void)
{
    int best = 0;

    for (int i = 1; i < $n_classes; i++) {
        if (score[i] > score[best]) {
            best = i;
        }
    }
    return best;
}

void nmtool_reset(void)
{
$reset
    for (int i = 0; i < $n_classes; i++) {
        score[i] = $no_score;
    }
    step = 0;
$forget}

int nmtool_step(const nmtool_index *channels, ${counts}int n)
{
    if (n < 0 || n > $n_channels) {
        return -1;
    }
    for (int k = 0; k < n; k++) {
        if (channels[k] >= $n_channels$wrong_count) {
            return -1;
        }
    }
$update
$send    keep_score();
    step++;
    return 0;
}
""")

SEND = Template("""\
    for (int k = 0; k < $count; k++) {
        send_$name($spikes[k]$counts);
    }
""")
