#include <stdint.h>

//% if header
/* ---- Interface, as in the header. ----------------------------------------------------------- */
//% else header
/* ---- Interface: copy this part into a header of yours. -------------------------------------- */
//% end header

$interface

/* ---- End of the interface. ------------------------------------------------------------------ */

/* This program is for an int of at least 32 bits; a compiler that has less stops here. */
typedef char nmtool_needs_int_of_32_bits[sizeof(int) >= 4 ? 1 : -1];

enum {
    DECAY_ONE = $decay_one,    /* decays are parts of this */
    STATE_LIMIT = $state_limit, /* where u wraps around and v saturates */
    STATE_SHIFT = $state_shift          /* of weights and thresholds, when they meet the state */
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

//% each populations
/* ---- $name: $described. ---- */

$bias

static int32_t current_$name[$size];
int32_t nmtool_membrane_$name[$size];
static uint32_t arriving_$name[$slots * $size]; /* weights by step of arrival, a ring of $slots */
static int slot_$name; /* of the ring: the step that is next */
//% if spikes
nmtool_index nmtool_spikes_$name[$size];
//% if counts
uint8_t nmtool_counts_$name[$size];
//% end counts
int nmtool_n_spikes_$name;
//% end spikes

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
//% if spikes
    nmtool_n_spikes_$name = 0;
//% end spikes
}

static void update_$name(void)
{
    uint32_t *arriving = &arriving_$name[slot_$name * $size];

//% if spikes
    nmtool_n_spikes_$name = 0;
//% end spikes
    for (int i = 0; i < $size; i++) {
//% if subtracts
//% if late
        /* A membrane above the threshold spiked in the step before. */
        int32_t owed =
            nmtool_membrane_$name[i] > $vth << STATE_SHIFT ? $reset_by << STATE_SHIFT : 0;

//% end late
        neuron_step(&current_$name[i], &nmtool_membrane_$name[i], arriving[i],
                    bias_$name[i] * $bias_factor${late? - owed}, $keep_u, $keep_v, STATE_LIMIT);
        if (nmtool_membrane_$name[i] > $vth << STATE_SHIFT) {
//% unless late
//% if counts
            /* As often as it is above the threshold, but at most $most_spikes times. */
            int32_t count = (nmtool_membrane_$name[i] - ($vth << STATE_SHIFT) - 1) /
                                ($reset_by << STATE_SHIFT) +
                            1;
            count = count < $most_spikes ? count : $most_spikes;
            nmtool_membrane_$name[i] -= count * ($reset_by << STATE_SHIFT);
            nmtool_counts_$name[nmtool_n_spikes_$name] = (uint8_t)count;
//% else counts
            nmtool_membrane_$name[i] -= $reset_by << STATE_SHIFT;
//% end counts
//% end late
            nmtool_spikes_$name[nmtool_n_spikes_$name++] = (nmtool_index)i;
        }
//% else subtracts
//% if spikes
        if (neuron_step(&current_$name[i], &nmtool_membrane_$name[i], arriving[i],
                        bias_$name[i] * $bias_factor, $keep_u, $keep_v, $vth << STATE_SHIFT)) {
            nmtool_spikes_$name[nmtool_n_spikes_$name++] = (nmtool_index)i;
        }
//% else spikes
        neuron_step(&current_$name[i], &nmtool_membrane_$name[i], arriving[i],
                        bias_$name[i] * $bias_factor, $keep_u, $keep_v, $vth << STATE_SHIFT);
//% end spikes
//% end subtracts
        arriving[i] = 0;
    }
    slot_$name = slot_$name + 1 < $slots ? slot_$name + 1 : 0;
}

//% end populations
//% each projections
/* ---- $source -> $target: $pre x $post synapses, row after row of $source. ---- */

$weight
$delay

static void send_$symbol(int neuron${counts?, uint32_t count})
{
    const $weight_type *weight = &weight_$symbol[neuron * $post];
    const uint8_t *delay = &delay_$symbol[neuron * $post];

    for (int i = 0; i < $post; i++) {
        int slot = slot_$target + delay[i];
        slot = slot < $slots ? slot : slot - $slots;
        arriving_$target[slot * $post + i] += (uint32_t)(weight[i] * $factor)${counts? * count};
    }
}

//% end projections
/* ---- The network. ---- */

static uint32_t step; /* since nmtool_reset */
static int64_t score[$n_classes];

const char *const nmtool_class_names[$n_classes] = {
    $names
};

//% if weighted
/* $weight_words in units of 1 / $importance_one, for every step n of a sample. */
$importance

static int32_t importance(void)
{
    return step < $n_steps ? importance_of_step[step] : 0;
}

//% end weighted
//% if window
/* Membranes of the last $window steps, a ring; 0 before the first step. */
static int32_t recent[$window][$n_classes];
static uint32_t oldest;

//% end window
static void keep_score(void)
{
//% if first_spike
    for (int k = 0; k < nmtool_n_spikes_$output; k++) {
        int64_t *mine = &score[nmtool_spikes_$output[k]];
        *mine = *mine == INT64_MIN ? -(int64_t)step : *mine;
    }
//% else first_spike
    for (int i = 0; i < $n_classes; i++) {
//% if mean
        score[i] += nmtool_membrane_$output[i];
//% end mean
//% if weighted
        score[i] += (int64_t)nmtool_membrane_$output[i] * importance();
//% end weighted
//% if max
        score[i] = score[i] < nmtool_membrane_$output[i] ? nmtool_membrane_$output[i] : score[i];
//% end max
//% if window
        score[i] += nmtool_membrane_$output[i] - recent[oldest][i];
        recent[oldest][i] = nmtool_membrane_$output[i];
//% end window
    }
//% end first_spike
//% if window
    oldest = oldest + 1 < $window ? oldest + 1 : 0;
//% end window
}

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
//% each populations
    reset_$name();
//% end populations
    for (int i = 0; i < $n_classes; i++) {
        score[i] = ${sums?0:INT64_MIN};
    }
    step = 0;
//% if window
    for (uint32_t n = 0; n < $window; n++) {
        for (int i = 0; i < $n_classes; i++) {
            recent[n][i] = 0;
        }
    }
    oldest = 0;
//% end window
}

int nmtool_step(const nmtool_index *channels, ${channel_counts?const uint8_t *counts, }int n)
{
    if (n < 0 || n > $n_channels) {
        return -1;
    }
    for (int k = 0; k < n; k++) {
        if (channels[k] >= $n_channels${channel_counts? || counts[k] == 0}${limited? || counts[k] > $most}) {
            return -1;
        }
    }
//% each populations
    update_$name();
//% end populations
//% each projections
    for (int k = 0; k < $n_sent; k++) {
        send_$symbol($sent[k]${counts?, $sent_counts[k]});
    }
//% end projections
    keep_score();
    step++;
    return 0;
}
//% if header

const int64_t *nmtool_scores(void)
{
    return score;
}
//% end header
