// A spiking network, event by event. The network is numbers in memories; nothing here knows it.
//
// Every neuron has a ring of SLOTS sums, of the weights that arrive in the coming steps. A spike of
// step n over a delay d adds to slot n + 1 + d. In step n, `update` takes slot n of every neuron,
// leaves 0 there and lets the neuron make its step, while `scatter` sends the spikes of step n:
// those of the input as they come, and those of neurons from a queue. Slots are modulo their
// number, at least the longest delay + 2, so that the two never meet in one slot. Sums are exact,
// so that their order does not matter.
//
// LANES synapses are added in one clock: a word is LANES neighbouring neurons of a population, and
// a synapse row is the words of all its targets. The ring has two banks, of even and of odd words,
// so that in one clock a word can be taken from one and a word added to in the other.
//
// A source with several spikes in a step sends each of its rows once per digit 1 of their binary
// number, shifted to the left by the digit's place.
module nmtool_core #(
    parameter LANE_BITS = 0,           // 2^LANE_BITS synapses per clock
    parameter SLICE_BITS = 0,          // 2^SLICE_BITS neurons per clock; at most LANE_BITS
    parameter POPULATIONS = 1,
    parameter POPULATION_BITS = 1,     // of a population's number, and of POPULATIONS, the input's
    parameter INDEX_BITS = 1,          // of a neuron within its population, and of a channel
    parameter WORDS = 1,               // of all populations
    parameter WORD_BITS = 2,           // of a word; at least 2
    parameter SLOT_BITS = 1,
    parameter PROJECTIONS = 1,
    parameter PROJECTION_BITS = 1,
    parameter LENGTH_BITS = 1,         // of the number of words in a row
    parameter SYNAPSES = 1,            // words of synapses
    parameter SYNAPSE_BITS = 1,        // at least INDEX_BITS and LENGTH_BITS
    parameter BANK_BITS = 13,          // 2^BANK_BITS words of them lie in one memory
    parameter WEIGHT_BITS = 1,
    parameter DELAY_BITS = 1,
    parameter JUMP_BITS = 1,           // of the left shift of a projection's weights
    parameter ACC_BITS = 2,            // of a sum in the ring; more than WEIGHT_BITS
    parameter SHIFT = 6,               // of such sums, before they are added to u
    parameter BIAS_BITS = 1,
    parameter DROP_BITS = 0,           // 19: of what a spike subtracts from v; 0: all set it to 0
    parameter COUNT_BITS = 0,          // of a neuron's spikes after its first in a step; 0: none
    parameter IN_COUNT_BITS = 0,       // of a channel's; at most 4
    parameter QUEUE_BITS = 1,          // 2^QUEUE_BITS is at least the number of neurons
    parameter LOAD_BITS = 1,           // of the widest memory
    parameter LOAD_ADDRESS_BITS = 1,   // of the deepest
    parameter DEEP = 0,                // 1: tell u and v of every neuron
    parameter SINGLE_PORT = 0,         // 1: synapses and ring in memories of one port, to be loaded
    parameter MEM = "mem/"             // where the memories' contents are
) (
    input  wire                         clock,
    input  wire                         reset,

    // 0 spike of a channel, 1 end of a step, 2 begin a sample. If IN_COUNT_BITS is not 0, the upper
    // four bits of the channel are the number of its further spikes.
    input  wire                         in_valid,
    output wire                         in_ready,
    input  wire [1:0]                   in_kind,
    input  wire [23:0]                  in_channel,

    // 0 spike, its value the number of further ones, 1 membrane, 2 current, 3 end of a step
    output wire                         out_valid,
    input  wire                         out_ready,
    output wire [1:0]                   out_kind,
    output wire [15:0]                  out_population,
    output wire [23:0]                  out_index,
    output wire [24:0]                  out_value,

    // for one clock, when a sample begins, after all words of the one before have left
    output wire                         sample_begins,

    // 1 from the first spike of a channel that does not exist, or with more further ones than it may
    // have, where the input sends; it goes nowhere
    output reg                          error,

    // 0 synapses, 1 biases, 2 populations, 3 sources, 4 projections; between samples only
    input  wire                         load_valid,
    input  wire [2:0]                   load_memory,
    input  wire [LOAD_ADDRESS_BITS-1:0] load_address,
    input  wire [LOAD_BITS-1:0]         load_data
);
    localparam LANES = 1 << LANE_BITS;
    localparam SLICES = 1 << SLICE_BITS;
    localparam LAST_PLACE = SLICES - 1;
    localparam PLACE_BITS = SLICE_BITS > 0 ? SLICE_BITS : 1;
    localparam GROUPS = WORDS << (LANE_BITS - SLICE_BITS);
    localparam GROUP_BITS = WORD_BITS + LANE_BITS - SLICE_BITS;
    localparam ROW_BITS = WORD_BITS - 1;
    localparam RING_BITS = ROW_BITS + SLOT_BITS;
    localparam RING_DEPTH = ((WORDS + 1) / 2) << SLOT_BITS;
    localparam SPIKE_BITS = COUNT_BITS + 1;
    localparam SEND_BITS = IN_COUNT_BITS > COUNT_BITS ? IN_COUNT_BITS : COUNT_BITS;
    localparam CELL_BITS = WEIGHT_BITS + DELAY_BITS;
    localparam LARGE_BITS = 14;        // of the addresses of the largest memories there are
    localparam WITHIN_BITS = SINGLE_PORT != 0 ? LARGE_BITS : BANK_BITS;
    localparam CLEAR_BITS = RING_BITS > GROUP_BITS ? RING_BITS : GROUP_BITS;
    localparam LAST_CLEARED = (RING_DEPTH > GROUPS ? RING_DEPTH : GROUPS) - 1;

    localparam [1:0] IN_SPIKE = 2'd0, IN_END = 2'd1, IN_BEGIN = 2'd2;

    // Words for the memories, held on their way to them: they lie far apart. What comes before the
    // first reset is none of the network.
    reg [4:0]                   loads = 5'd0;   // by the number of a memory
    reg [LOAD_ADDRESS_BITS-1:0] loaded_address;
    reg [LOAD_BITS-1:0]         loaded_data;

    always @(posedge clock) begin
        loads <= load_valid && !reset ? 5'd1 << load_memory : 5'd0;
        loaded_address <= load_address;
        loaded_data <= load_data;
    end

    // ------------------------------------------------------------------ steps and samples

    // One word of the input is held until it is dealt with.
    reg        held;
    reg [1:0]  held_kind;
    reg [23:0] held_channel;
    wire       held_taken;

    assign in_ready = !held || held_taken;

    always @(posedge clock) begin
        if (reset) held <= 1'b0;
        else held <= in_ready ? in_valid : 1'b1;
        if (in_ready) begin
            held_kind <= in_kind;
            held_channel <= in_channel;
        end
    end

    localparam [1:0] CLEARING = 2'd0, WAITING = 2'd1, STEPPING = 2'd2;

    reg [1:0]            mode;
    reg [SLOT_BITS-1:0]  now;
    reg [CLEAR_BITS-1:0] clear_address;
    reg                  phase;             // of memories with one port
    reg                  idle;              // nothing of the step was on its way, nor began

    wire clearing = mode == CLEARING;
    wire update_busy, spread_busy, scatter_busy, room, all_told;

    // A step begins with its first word, so that nothing is told of a step that never comes.
    wire begins = mode == WAITING && held && (held_kind == IN_SPIKE || held_kind == IN_END);
    wire ends = mode == STEPPING && idle && held
        && (held_kind == IN_END || held_kind == IN_BEGIN);
    wire skips = held_kind == 2'd3;
    wire take_spike;

    always @(posedge clock)
        idle <= mode == STEPPING && !update_busy && !spread_busy && !scatter_busy && !take_spike
            && room;

    assign sample_begins = mode == WAITING && held && held_kind == IN_BEGIN && all_told;
    assign held_taken = take_spike || (ends && held_kind == IN_END) || sample_begins || skips;

    always @(posedge clock) begin
        phase <= !phase;
        if (reset) begin
            mode <= CLEARING;
            clear_address <= 0;
            phase <= 1'b0;
        end else case (mode)
            CLEARING: begin
                now <= 0;
                clear_address <= clear_address + 1'b1;
                if (clear_address == LAST_CLEARED[CLEAR_BITS-1:0]) begin
                    clear_address <= 0;
                    mode <= WAITING;
                end
            end
            WAITING:
                if (begins) mode <= STEPPING;
                else if (sample_begins) mode <= CLEARING;
            default:
                if (ends) begin
                    mode <= WAITING;
                    now <= now + 1'b1;
                end
        endcase
    end

    // ------------------------------------------------------------------ update

    wire                         granted, takes, start;
    wire [WORD_BITS-1:0]         next_word;
    wire [SLICES*ACC_BITS-1:0]   arriving;
    wire                         done, spiking;
    wire [POPULATION_BITS-1:0]   population;
    wire [INDEX_BITS-1:0]        done_index;
    wire [SLICES-1:0]            exist;
    wire [SPIKE_BITS*SLICES-1:0] spikes;
    wire [24*SLICES-1:0]         done_v;
    wire [25*SLICES-1:0]         done_u;

    nmtool_update #(
        .LANE_BITS(LANE_BITS), .SLICE_BITS(SLICE_BITS), .POPULATIONS(POPULATIONS),
        .POPULATION_BITS(POPULATION_BITS), .INDEX_BITS(INDEX_BITS), .WORDS(WORDS),
        .WORD_BITS(WORD_BITS), .ACC_BITS(ACC_BITS), .SHIFT(SHIFT), .BIAS_BITS(BIAS_BITS),
        .DROP_BITS(DROP_BITS), .COUNT_BITS(COUNT_BITS), .MEM(MEM)
    ) update (
        .clock(clock), .reset(reset), .begins(begins), .busy(update_busy),
        .room(room), .granted(granted), .word(next_word), .takes(takes), .start(start),
        .arriving(arriving),
        .done(done), .population(population), .spiking(spiking), .index(done_index),
        .exist(exist), .spikes(spikes), .v(done_v), .u(done_u),
        .clear(clearing), .clear_address(clear_address[GROUP_BITS-1:0]),
        .load_bias(loads[1]), .load_group(loaded_address[GROUP_BITS-1:0]),
        .load_biases(loaded_data[BIAS_BITS*SLICES-1:0]),
        .load_population(loads[2]),
        .load_number(loaded_address[POPULATION_BITS-1:0]),
        .load_constants(loaded_data[42+DROP_BITS+COUNT_BITS+INDEX_BITS+WORD_BITS:0]));

    nmtool_tell #(
        .SLICE_BITS(SLICE_BITS), .POPULATION_BITS(POPULATION_BITS), .INDEX_BITS(INDEX_BITS),
        .COUNT_BITS(COUNT_BITS), .DEEP(DEEP)
    ) tell (
        .clock(clock), .reset(reset), .room(room), .empty(all_told),
        .ends(ends && held_kind == IN_END),
        .done(done), .population(population), .spiking(spiking), .index(done_index),
        .exist(exist), .spikes(spikes), .v(done_v), .u(done_u),
        .out_valid(out_valid), .out_ready(out_ready), .out_kind(out_kind),
        .out_population(out_population), .out_index(out_index), .out_value(out_value));

    // Spikes of neurons wait for `spread`, which takes those of a group one by one.
    wire                       queued, queued_spike, take_queued, skip_queued;
    wire [POPULATION_BITS-1:0] queued_population;
    wire [INDEX_BITS-1:0]      queued_index;
    wire [SPIKE_BITS*SLICES-1:0] taken_spikes;
    wire [(SPIKE_BITS<<PLACE_BITS)-1:0] queued_spikes =
        {{(((1<<PLACE_BITS)-SLICES)*SPIKE_BITS){1'b0}}, taken_spikes};
    wire [QUEUE_BITS:0]        queue_level;
    reg [PLACE_BITS-1:0]       queued_place;

    wire [COUNT_BITS:0] spikes_here = queued_spikes[SPIKE_BITS*queued_place +: SPIKE_BITS];

    assign queued_spike = queued && spikes_here[0];
    assign skip_queued = queued && !spikes_here[0];

    wire next_queued = take_queued || skip_queued;
    wire last_queued = queued_place == LAST_PLACE[PLACE_BITS-1:0];

    always @(posedge clock)
        if (reset) queued_place <= 0;
        else if (next_queued) queued_place <= last_queued ? 0 : queued_place + 1'b1;

    nmtool_fifo #(
        .WIDTH(POPULATION_BITS + INDEX_BITS + SPIKE_BITS*SLICES), .ADDRESS_BITS(QUEUE_BITS)
    ) queue (
        .clock(clock), .reset(reset),
        .push(done && spikes != 0), .push_data({population, done_index, spikes}),
        .valid(queued), .take(next_queued && last_queued),
        .data({queued_population, queued_index, taken_spikes}), .level(queue_level));

    // ------------------------------------------------------------------ spread: rows of a spike

    localparam SOURCE_WIDTH = SEND_BITS + 1 + PROJECTION_BITS + INDEX_BITS;
    localparam PROJECTION_WIDTH = 3 + JUMP_BITS + WORD_BITS + LENGTH_BITS + SYNAPSE_BITS;

    localparam [2:0] S_IDLE = 3'd0, S_SOURCE = 3'd1, S_FIRST = 3'd2, S_FETCH = 3'd3, S_READ = 3'd4,
                     S_MULTIPLY = 3'd5, S_PUSH = 3'd6;

    reg [2:0]                 spread;
    reg [POPULATION_BITS-1:0]     source;
    reg [INDEX_BITS-1:0]         id;
    reg                       id_far;       // the channel or its count has more bits than any has
    reg [SEND_BITS:0]         more;         // spikes after the first
    reg [PROJECTION_BITS-1:0] projection;

    wire [SOURCE_WIDTH-1:0]     source_read;
    wire [PROJECTION_WIDTH-1:0] projection_read;

    wire [SEND_BITS:0]         allowed;     // spikes after the first, and whether it sends any
    wire [PROJECTION_BITS-1:0] first_projection;
    wire [INDEX_BITS-1:0]         last_id;
    assign {allowed, first_projection, last_id} = source_read;
    wire                       sends = allowed[0];
    wire                       id_exists = !id_far && id <= last_id && more <= allowed >> 1;
    wire [23:0]                held_id = IN_COUNT_BITS != 0 ? {4'd0, held_channel[19:0]}
                                                            : held_channel;
    wire [4:0]                 held_more = IN_COUNT_BITS != 0 ? {1'b0, held_channel[23:20]} : 5'd0;

    reg                    last_projection, read_signed, read_negative;
    reg [JUMP_BITS-1:0]    read_jump;
    reg [WORD_BITS-1:0]    read_word;
    reg [LENGTH_BITS-1:0]  read_length;
    reg [SYNAPSE_BITS-1:0] read_base;
    reg [SYNAPSE_BITS-1:0] row_offset;

    // Between `spread` and `scatter`: the row that comes next.
    reg                    coming;
    reg                    coming_signed, coming_negative;
    reg [JUMP_BITS-1:0]    coming_jump;
    reg [WORD_BITS-1:0]    coming_word;
    reg [LENGTH_BITS-1:0]  coming_length;
    reg                    coming_short;    // one word
    reg [SYNAPSE_BITS-1:0] coming_address;
    wire                   row_starts;

    wire spread_free = spread == S_IDLE && mode == STEPPING;

    assign take_spike = spread_free && held && held_kind == IN_SPIKE;
    assign take_queued = spread_free && queued_spike && !take_spike;
    assign spread_busy = spread != S_IDLE || queue_level != 0 || coming;

    nmtool_ram #(
        .WIDTH(SOURCE_WIDTH), .DEPTH(POPULATIONS + 1), .ADDRESS_BITS(POPULATION_BITS),
        .FILE({MEM, "sources.hex"})
    ) sources (
        .clock(clock),
        .write(loads[3]),
        .write_address(loaded_address[POPULATION_BITS-1:0]),
        .write_data(loaded_data[SOURCE_WIDTH-1:0]),
        .read_address(source), .read_data(source_read));

    nmtool_ram #(
        .WIDTH(PROJECTION_WIDTH), .DEPTH(PROJECTIONS), .ADDRESS_BITS(PROJECTION_BITS),
        .FILE({MEM, "projections.hex"})
    ) projections (
        .clock(clock),
        .write(loads[4]),
        .write_address(loaded_address[PROJECTION_BITS-1:0]),
        .write_data(loaded_data[PROJECTION_WIDTH-1:0]),
        .read_address(projection), .read_data(projection_read));

    // The digits that are left of the number of spikes, and the shift for the lowest of them.
    wire [SEND_BITS:0]   digits;
    wire [JUMP_BITS-1:0] digit_jump;
    wire                 last_digit = digits == 1;
    wire                 pushes = digits[0] && (!coming || row_starts);

    generate
        if (SEND_BITS != 0) begin : counting
            reg [SEND_BITS:0]   left;
            reg [JUMP_BITS-1:0] jump;

            assign digits = left;
            assign digit_jump = jump;

            always @(posedge clock)
                if (spread == S_MULTIPLY) begin
                    left <= more + 1'b1;
                    jump <= read_jump;
                end else if (!digits[0] || pushes) begin
                    left <= left >> 1;
                    jump <= jump + 1'b1;
                end
        end else begin : once
            assign digits = 1'b1;
            assign digit_jump = read_jump;
        end
    endgenerate

    always @(posedge clock)
        if (reset) begin
            spread <= S_IDLE;
            coming <= 1'b0;
            error <= 1'b0;
        end else begin
            if (row_starts) coming <= 1'b0;
            case (spread)
                S_IDLE: if (take_spike) begin
                    source <= POPULATIONS[POPULATION_BITS-1:0];
                    id <= held_id[INDEX_BITS-1:0];
                    id_far <= held_id >> INDEX_BITS != 24'd0 || held_more >> SEND_BITS != 5'd0;
                    more <= held_more[SEND_BITS:0];
                    spread <= S_SOURCE;
                end else if (take_queued) begin
                    source <= queued_population;
                    id <= queued_index + {{(INDEX_BITS-PLACE_BITS){1'b0}}, queued_place};
                    id_far <= 1'b0;
                    more <= {{(SEND_BITS-COUNT_BITS){1'b0}}, spikes_here >> 1};
                    spread <= S_SOURCE;
                end
                S_SOURCE: spread <= S_FIRST;
                S_FIRST: begin
                    projection <= first_projection;
                    spread <= sends && id_exists ? S_FETCH : S_IDLE;
                    if (sends && !id_exists) error <= 1'b1;
                end
                S_FETCH: spread <= S_READ;
                S_READ: begin
                    {last_projection, read_signed, read_negative, read_jump, read_word,
                     read_length, read_base} <= projection_read;
                    spread <= S_MULTIPLY;
                end
                S_MULTIPLY: begin
                    row_offset <= {{(SYNAPSE_BITS-INDEX_BITS){1'b0}}, id}
                        * {{(SYNAPSE_BITS-LENGTH_BITS){1'b0}}, read_length};
                    spread <= S_PUSH;
                end
                default: if (pushes) begin
                    coming <= 1'b1;
                    coming_address <= read_base + row_offset;
                    coming_signed <= read_signed;
                    coming_negative <= read_negative;
                    coming_jump <= digit_jump;
                    coming_word <= read_word;
                    coming_length <= read_length;
                    coming_short <= read_length == 1;
                    if (last_digit) begin
                        projection <= projection + 1'b1;
                        spread <= last_projection ? S_IDLE : S_FETCH;
                    end
                end
            endcase
        end

    // ------------------------------------------------------------------ scatter: words of a row

    // A word is read from the ring three clocks before it is written, so that rows begin at least
    // four clocks apart: no word is read again before it is written.
    reg                    row;
    reg [SYNAPSE_BITS-1:0] row_address;
    reg [LENGTH_BITS-1:0]  row_left;
    reg                    row_last;
    reg [WORD_BITS-1:0]    row_word;
    reg                    row_signed, row_negative;
    reg [JUMP_BITS-1:0]    row_jump;
    reg [1:0]              row_pause;

    wire row_free = !row || row_last;
    wire in_phase = SINGLE_PORT == 0 || phase == coming_word[0];

    assign row_starts = coming && row_free && row_pause == 0 && in_phase;

    // Four clocks from an address to its synapses.
    reg [4:1]           on_way;
    reg [WORD_BITS-1:0] word1, word2, word3, word4;
    reg                 signed1, signed2, signed3, signed4;
    reg                 negative1, negative2, negative3, negative4;
    reg [JUMP_BITS-1:0] jump1, jump2, jump3, jump4;
    wire [LANES*CELL_BITS-1:0] cells_read;
    reg [LANES*CELL_BITS-1:0]  cells;

    always @(posedge clock) begin
        if (row_starts) begin
            row_address <= coming_address;
            row_left <= coming_length;
            row_last <= coming_short;
            row_word <= coming_word;
            row_signed <= coming_signed;
            row_negative <= coming_negative;
            row_jump <= coming_jump;
        end else begin
            row_address <= row_address + 1'b1;
            row_left <= row_left - 1'b1;
            row_last <= {1'b0, row_left} == 2;
            row_word <= row_word + 1'b1;
        end
        {word4, word3, word2, word1} <= {word3, word2, word1, row_word};
        {signed4, signed3, signed2, signed1} <= {signed3, signed2, signed1, row_signed};
        {negative4, negative3, negative2, negative1} <= {negative3, negative2, negative1, row_negative};
        {jump4, jump3, jump2, jump1} <= {jump3, jump2, jump1, row_jump};
        if (reset) begin
            row <= 1'b0;
            row_pause <= 2'd0;
            on_way <= 4'b0000;
        end else begin
            row <= row_starts || !row_free;
            row_pause <= row_starts ? 2'd3 : row_pause - {1'b0, row_pause != 0};
            on_way <= {on_way[3:1], row};
        end
    end

    always @(posedge clock) cells <= cells_read;

    nmtool_banks #(
        .WIDTH(LANES * CELL_BITS), .DEPTH(SYNAPSES), .ADDRESS_BITS(SYNAPSE_BITS),
        .BANK_BITS(WITHIN_BITS), .FOURS(1), .SINGLE_PORT(SINGLE_PORT),
        .FILES({MEM, "synapses."})
    ) synapses (
        .clock(clock),
        .write(loads[0]),
        .write_address(loaded_address[SYNAPSE_BITS-1:0]),
        .write_data(loaded_data[LANES*CELL_BITS-1:0]),
        .read_address(row_address), .read_data(cells_read));

    // ------------------------------------------------------------------ the ring

    // Stages of a word: 0 address, 1 read, 2 held, 3 written. `scatter` goes first; `update` waits
    // where it wants the same bank.
    wire adds = on_way[4];

    assign granted = (!adds || word4[0] != next_word[0])
        && (SINGLE_PORT == 0 || phase != next_word[0]);

    reg [2:0]           taking;             // [n]: a word that update takes
    reg [2:0]           starting;           // [n]: a group, n + 1 clocks after its start
    reg [2:0]           taken_bank;
    reg                 signed0, negative0;
    reg [JUMP_BITS-1:0] shift0, shift1;

    // What is added last is written before the next step begins to take words.
    assign scatter_busy = row || on_way != 0;

    always @(posedge clock) begin
        if (reset) begin
            taking <= 3'b000;
            starting <= 3'b000;
        end else begin
            taking <= {taking[1:0], takes};
            starting <= {starting[1:0], start};
        end
        taken_bank <= {taken_bank[1:0], next_word[0]};
        signed0 <= signed4;
        negative0 <= negative4;
        shift0 <= jump4;
        shift1 <= shift0;
    end

    // What a spike adds, lane by lane: its slot, and in stage 2 the weight. `now` changes long
    // before the first one.
    reg [SLOT_BITS-1:0]        next_slot;

    always @(posedge clock) next_slot <= now + 1'b1;

    wire [LANES*SLOT_BITS-1:0] slots;
    wire [LANES*ACC_BITS-1:0]  jumps;
    wire [2*LANES*ACC_BITS-1:0] sums;       // stage 2: bank by bank, lane by lane

    genvar bank, lane;
    generate
        for (lane = 0; lane < LANES; lane = lane + 1) begin : weights
            wire [DELAY_BITS-1:0]  delay = cells[lane*CELL_BITS +: DELAY_BITS];
            reg [WEIGHT_BITS-1:0]  weight0;
            reg [WEIGHT_BITS:0]    weight1;
            reg [ACC_BITS-1:0]     weight2;
            wire [WEIGHT_BITS:0]   wide0 = {signed0 && weight0[WEIGHT_BITS-1], weight0};

            assign slots[lane*SLOT_BITS +: SLOT_BITS] =
                next_slot + {{(SLOT_BITS-DELAY_BITS){1'b0}}, delay};
            assign jumps[lane*ACC_BITS +: ACC_BITS] = weight2;

            always @(posedge clock) begin
                weight0 <= cells[lane*CELL_BITS + DELAY_BITS +: WEIGHT_BITS];
                weight1 <= negative0 ? -wide0 : wide0;
                weight2 <= {{(ACC_BITS-WEIGHT_BITS-1){weight1[WEIGHT_BITS]}}, weight1} << shift1;
            end
        end

        for (bank = 0; bank < 2; bank = bank + 1) begin : banks
            wire      mine = adds && word4[0] == bank[0];
            reg [2:0] added;                // [n]: the word of this bank in stage n is added to
            reg [2:0] used;                 // [n]: there is one
            wire      write = clearing || used[2];

            always @(posedge clock) begin
                added <= {added[1:0], mine};
                if (reset) used <= 3'b000;
                else used <= {used[1:0], mine || (takes && next_word[0] == bank[0])};
            end

            for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
                reg [RING_BITS-1:0] address0, address1, address2;
                wire [ACC_BITS-1:0] sum;
                wire [ACC_BITS-1:0] written = clearing || !added[2]
                    ? {ACC_BITS{1'b0}} : sum + jumps[lane*ACC_BITS +: ACC_BITS];

                assign sums[(bank*LANES + lane)*ACC_BITS +: ACC_BITS] = sum;

                always @(posedge clock) begin
                    address0 <= mine
                        ? {word4[WORD_BITS-1:1], slots[lane*SLOT_BITS +: SLOT_BITS]}
                        : {next_word[WORD_BITS-1:1], now};
                    address1 <= address0;
                    address2 <= address1;
                end

                // One memory, if any holds it: what is read is added to in the same clock.
                nmtool_banks #(
                    .WIDTH(ACC_BITS), .DEPTH(RING_DEPTH), .ADDRESS_BITS(RING_BITS),
                    .BANK_BITS(LARGE_BITS), .SINGLE_PORT(SINGLE_PORT)
                ) ring (
                    .clock(clock),
                    .write(write),
                    .write_address(clearing ? clear_address[RING_BITS-1:0] : address2),
                    .write_data(written),
                    .read_address(address0), .read_data(sum));
            end
        end
    endgenerate

    // A word that was taken is handed to its neurons, SLICES lanes at a time.
    reg [LANES*ACC_BITS-1:0] arrivals;

    assign arriving = arrivals[SLICES*ACC_BITS-1:0];

    always @(posedge clock)
        if (taking[2])
            arrivals <= taken_bank[2] ? sums[2*LANES*ACC_BITS-1:LANES*ACC_BITS]
                                      : sums[LANES*ACC_BITS-1:0];
        else if (starting[2]) arrivals <= arrivals >> SLICES * ACC_BITS;
endmodule
