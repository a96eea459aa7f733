// The steps of all neurons, population after population, SLICES neighbouring neurons in one clock.
//
// Words of the ring have LANES neurons and are taken SLICES by SLICES. Whatever lies between the
// last neuron of a population and the end of its word has no synapses and no bias, and stays 0.
//
// Stages, from the clock after `start`: 0 address, 1 u, v and bias are read, 2 in the registers of
// their memories, 3 held, 4 to DONE in `nmtool_neuron`; what was read in the ring is here in stage 3.
module nmtool_update #(
    parameter LANE_BITS = 0,
    parameter SLICE_BITS = 0,
    parameter POPULATIONS = 1,
    parameter POPULATION_BITS = 1,
    parameter INDEX_BITS = 1,
    parameter WORDS = 3,
    parameter WORD_BITS = 2,
    parameter ACC_BITS = 2,
    parameter SHIFT = 6,
    parameter BIAS_BITS = 1,
    parameter DROP_BITS = 0,
    parameter COUNT_BITS = 0,
    parameter MEM = "mem/"
) (
    input  wire                                 clock,
    input  wire                                 reset,

    input  wire                                 begins,    // a step
    output wire                                 busy,

    // A word is wanted from the ring; neurons start where it is granted, and where there is room
    // for what they tell.
    input  wire                                 room,
    input  wire                                 granted,
    output reg [WORD_BITS-1:0]                  word,
    output wire                                 takes,
    output wire                                 start,
    input  wire [(ACC_BITS<<SLICE_BITS)-1:0]    arriving,

    output wire                                 done,
    output reg [POPULATION_BITS-1:0]            population,
    output wire                                 spiking,
    output reg [INDEX_BITS-1:0]                 index,     // of the first neuron
    output wire [(1<<SLICE_BITS)-1:0]           exist,     // neurons of the population
    output wire [((COUNT_BITS+1)<<SLICE_BITS)-1:0] spikes,
    output wire [(24<<SLICE_BITS)-1:0]          v,
    output wire [(25<<SLICE_BITS)-1:0]          u,

    // u and v of a group become 0.
    input  wire                                 clear,
    input  wire [WORD_BITS+LANE_BITS-SLICE_BITS-1:0] clear_address,

    input  wire                                 load_bias,
    input  wire [WORD_BITS+LANE_BITS-SLICE_BITS-1:0] load_group,
    input  wire [(BIAS_BITS<<SLICE_BITS)-1:0]   load_biases,
    input  wire                                 load_population,
    input  wire [POPULATION_BITS-1:0]           load_number,
    input  wire [42+DROP_BITS+COUNT_BITS+INDEX_BITS+WORD_BITS:0] load_constants
);
    localparam SLICES = 1 << SLICE_BITS;
    localparam GROUP_BITS = WORD_BITS + LANE_BITS - SLICE_BITS;
    localparam GROUPS = WORDS << (LANE_BITS - SLICE_BITS);
    localparam PER_WORD = 1 << (LANE_BITS - SLICE_BITS);
    localparam LAST_POPULATION = POPULATIONS - 1;
    localparam [PER_WORD-1:0] FIRST = 1;
    localparam SPIKE_BITS = COUNT_BITS + 1;
    localparam CONSTANTS = SPIKE_BITS + 12 + 13 + 17 + INDEX_BITS + WORD_BITS;
    localparam WIDTH = DROP_BITS + CONSTANTS;
    localparam DONE = 11 + (COUNT_BITS != 0 ? COUNT_BITS + 2 : 0);

    localparam [2:0] IDLE = 3'd0, FETCH = 3'd1, READ = 3'd2, TAKE = 3'd3, RUN = 3'd4, DRAIN = 3'd5;

    reg [2:0]             mode;
    wire [WIDTH-1:0]      read;

    reg [COUNT_BITS:0]    allowed;
    reg [11:0]            keep_u;
    reg [12:0]            keep_v;
    reg [16:0]            threshold;
    wire [18:0]           drop;
    reg [INDEX_BITS-1:0]  last;
    reg [WORD_BITS-1:0]   first_word;

    reg [INDEX_BITS-1:0]  group;           // to be started
    reg [PER_WORD-1:0]    place;           // of it in its word: one bit is 1
    reg [GROUP_BITS-1:0]  reading, writing;
    reg [DONE:0]          at;              // at[n]: a group is in stage n

    assign busy = mode != IDLE;
    assign start = mode == RUN && room && (granted || !place[0]);
    assign takes = start && place[0];
    assign done = at[DONE];
    assign spiking = allowed[0];

    nmtool_ram #(
        .WIDTH(WIDTH), .DEPTH(POPULATIONS + 1), .ADDRESS_BITS(POPULATION_BITS),
        .FILE({MEM, "populations.hex"})
    ) populations (
        .clock(clock),
        .write(load_population), .write_address(load_number),
        .write_data(load_constants),
        .read_address(population), .read_data(read));

    always @(posedge clock)
        if (reset) mode <= IDLE;
        else case (mode)
            IDLE: if (begins) mode <= READ;     // of the first, which is fetched by then
            FETCH: mode <= READ;
            READ: mode <= TAKE;
            TAKE: mode <= RUN;
            RUN: if (start && group == last >> SLICE_BITS) mode <= DRAIN;
            default:
                if (at == 0)
                    mode <= population == LAST_POPULATION[POPULATION_BITS-1:0] ? IDLE : FETCH;
        endcase

    always @(posedge clock) begin
        if (mode == IDLE) population <= 0;
        else if (mode == DRAIN && at == 0) population <= population + 1'b1;
        if (mode == READ)
            {allowed, keep_u, keep_v, threshold, last, first_word} <= read[CONSTANTS-1:0];
        if (mode == TAKE) begin
            group <= 0;
            word <= first_word;
            place <= FIRST;
            reading <= {{(GROUP_BITS-WORD_BITS){1'b0}}, first_word} << (LANE_BITS - SLICE_BITS);
            writing <= {{(GROUP_BITS-WORD_BITS){1'b0}}, first_word} << (LANE_BITS - SLICE_BITS);
            index <= 0;
        end else begin
            if (start) begin
                group <= group + 1'b1;
                place <= place[PER_WORD-1] ? FIRST : place << 1;
                if (place[PER_WORD-1]) word <= word + 1'b1;
            end
            if (at[0]) reading <= reading + 1'b1;
            if (done) begin
                writing <= writing + 1'b1;
                index <= index + SLICES[INDEX_BITS-1:0];
            end
        end
    end

    always @(posedge clock)
        if (reset) at <= 0;
        else at <= {at[DONE-1:0], start};

    wire [49*SLICES-1:0]        states, states2, states_done;
    wire [BIAS_BITS*SLICES-1:0] biases, biases2;
    reg [49*SLICES-1:0]         states3;
    reg [BIAS_BITS*SLICES-1:0]  biases3;

    always @(posedge clock) begin
        states3 <= states2;
        biases3 <= biases2;
    end

    nmtool_ram #(.WIDTH(49 * SLICES), .DEPTH(GROUPS), .ADDRESS_BITS(GROUP_BITS)) state_memory (
        .clock(clock),
        .write(done || clear),
        .write_address(clear ? clear_address : writing),
        .write_data(clear ? {(49*SLICES){1'b0}} : states_done),
        .read_address(reading), .read_data(states));

    nmtool_ram_register #(.WIDTH(49 * SLICES)) state_register (
        .clock(clock), .read(states), .held(states2));

    nmtool_ram #(
        .WIDTH(BIAS_BITS * SLICES), .DEPTH(GROUPS), .ADDRESS_BITS(GROUP_BITS),
        .FILE({MEM, "biases.hex"})
    ) bias_memory (
        .clock(clock),
        .write(load_bias), .write_address(load_group),
        .write_data(load_biases),
        .read_address(reading), .read_data(biases));

    nmtool_ram_register #(.WIDTH(BIAS_BITS * SLICES)) bias_register (
        .clock(clock), .read(biases), .held(biases2));

    // What is read stays while any neuron of the population is on its way.
    generate
        if (DROP_BITS != 0) begin : dropping
            reg [18:0] kept;

            always @(posedge clock) kept <= read[WIDTH-1:CONSTANTS];
            assign drop = kept;
        end else begin : to_zero
            assign drop = 19'd0;
        end
    endgenerate

    genvar slice;
    generate
        for (slice = 0; slice < SLICES; slice = slice + 1) begin : slices
            assign exist[slice] = slice == 0 || index + slice[INDEX_BITS-1:0] <= last;
            assign states_done[49*slice +: 49] = {u[25*slice +: 25], v[24*slice +: 24]};

            nmtool_neuron #(
                .ACC_BITS(ACC_BITS), .SHIFT(SHIFT), .BIAS_BITS(BIAS_BITS), .COUNT_BITS(COUNT_BITS)
            ) neuron (
                .clock(clock),
                .keep_u(keep_u), .keep_v(keep_v), .threshold(threshold), .drop(drop),
                .allowed(allowed),
                .state(states3[49*slice +: 49]),
                .bias(biases3[BIAS_BITS*slice +: BIAS_BITS]),
                .arriving(arriving[ACC_BITS*slice +: ACC_BITS]),
                .done_u(u[25*slice +: 25]), .done_v(v[24*slice +: 24]),
                .done_spikes(spikes[SPIKE_BITS*slice +: SPIKE_BITS]));
        end
    endgenerate
endmodule
