/*
 * A spiking network in integers, in ${header?C99, a file and its header:one file of C99}. Written by nmtool $version.
 *
 * $n_channels input channels, steps of $dt_ms ms, samples of $n_steps steps. Populations:
//% each populations
 *     $name: $described
//% end populations
 * Projections:
//% each projections
 *     $source -> $target: $pre x $post synapses of $weight_bits bits, delays $least_delay ... $most_delay
//% else projections
 *     none
//% end projections
 * Classes, of which '$output' has a neuron each:
$classes
 *
 * Check this file on any computer. It runs inputs with known answers, says whether anything
 * differs, and ends with 0 if nothing does:
 *
 *     cc -std=c99 -O2 -DNMTOOL_MAIN -o check FILE.c && ./check
 *
 * Classify a file of events with the same program. EVENTS.csv has a row per event. Its first line
 * names the columns, in any order: sample, unit (from 0), time_ms, and perhaps label, the name of
 * the sample's class. Rows of a sample stand together, their times ascend. A sample without events
 * has a row without unit and time. `nmtool data DATA:test -o EVENTS.csv` writes such a file:
 *
 *     ./check EVENTS.csv
 *
 * Build it in: compile it without NMTOOL_MAIN, and ${header?include the header:declare what "Interface" below declares}.
 *
//% if header
 *     ${prefix}_reset();              before every sample
//% if channel_counts
 *     ${prefix}_step(channels, counts, n);
 *     $pad                       every $dt_ms ms, with the channels that spiked meanwhile
//% else channel_counts
 *     ${prefix}_step(channels, n);    every $dt_ms ms, with the channels that spiked meanwhile
//% end channel_counts
 *     class = ${prefix}_answer();     after $n_steps steps, or whenever an answer is wanted
 *     scores = ${prefix}_scores();    of every class, to reject what is too close to call
//% else header
 *     nmtool_reset();             before every sample
//% if channel_counts
 *     nmtool_step(channels, counts, n);
 *                                 every $dt_ms ms, with the channels that spiked since the last call
//% else channel_counts
 *     nmtool_step(channels, n);   every $dt_ms ms, with the channels that spiked since the last call
//% end channel_counts
 *     class = nmtool_answer();    after $n_steps steps, or whenever an answer is wanted
//% end header
 *
 * A spike at t ms belongs to step floor(t / $dt_ms), each channel at most $often to a step.
//% if grouped
 * Channel c is the data's channels ${group}c ... ${group}c + $last_of_group together.
//% end grouped
 * The answer is $answer.
 * A spike of step n over a synapse of delay d arrives at step n + $latency + d.
 *
 * The arithmetic is $arithmetic: that of Lava 0.10.0's fixed-point models of Loihi 2, bit by bit${any_counts?,:.}
//% if any_counts
 * which have no counts of spikes.
//% end any_counts
 * Integers only, of 32 bits but for products with decays and for scores, of 64. No allocation, no
 * recursion, no library; only the check prints. There are $constants bytes of constants, names of
 * classes apart, and $variables of variables, all of them static: one network, one thread.
 *
//% if header
 * Operations of a step:
 *     $n_neurons neurons are updated
//% each senders
 *     $sent takes $fan_out additions
//% else senders
 *
//% end senders
$measured
 * Packed without gaps, as on a chip, it has $parameters bytes of parameters and $state of state.
 *
//% end header
 * Network $hash
 */
