//% if header
#ifdef __cplusplus
extern "C" {
#endif

enum {
    nmtool_n_channels = $n_channels,
    nmtool_n_steps = $n_steps, /* of a sample */
    nmtool_n_classes = $n_classes
};

//% end header
typedef $index_type nmtool_index; /* a channel or a neuron, counted from 0 */

//% if state
$state

//% end state
/* Begin a sample: everything is as if nothing had ever been heard. */
void nmtool_reset(void);

//% if channel_counts
/* One step of $dt_ms ms: the n channels that spike in it, in any order, each once, and how often
   each of them spikes, 1 to $most times. 0; or -1, and nothing happens, where there are no such
   channels or counts. */
int nmtool_step(const nmtool_index *channels, const uint8_t *counts, int n);
//% else channel_counts
/* One step of $dt_ms ms: the n channels that spike in it, in any order, each once. 0; or -1, and
   nothing happens, where there are no such channels. */
int nmtool_step(const nmtool_index *channels, int n);
//% end channel_counts

/* The class that the steps since nmtool_reset speak for, the lowest of equals. */
int nmtool_answer(void);

/* Names of the classes, in UTF-8. */
extern const char *const nmtool_class_names[$n_classes];

//% unless state
//% if neuron_counts
/* What every population did in the last step: the neurons that spiked, ascending, how often each
   of them did where it can be more than once, and the membrane
//% else neuron_counts
/* What every population did in the last step: the neurons that spiked, ascending, and the membrane
//% end neuron_counts
   of each neuron$when. */
//% each populations
//% if spikes
extern nmtool_index nmtool_spikes_$name[$size];
//% if counts
extern uint8_t nmtool_counts_$name[$size];
//% end counts
extern int nmtool_n_spikes_$name;
//% end spikes
extern int32_t nmtool_membrane_$name[$size];
//% end populations
//% end state
//% if header

/* The scores of all classes, nmtool_n_classes of them, which the next step changes. The largest is
   that of the answer; where it is small, or leads by little, reject the answer. T steps after
   nmtool_reset, with v the membranes of '$output' and n counted from 0, class c scores
   $formula,
   $scale. */
const int64_t *nmtool_scores(void);

#ifdef __cplusplus
}
#endif
//% end header
