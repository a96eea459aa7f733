// What neurons did, in words of the output stream: u, v and a spike of each, as far as it has them.
//
// Records of SLICES neurons wait here for whoever takes the words. `room` is left for all neurons on
// their way, so that they need not stop. The value of a spike is the number of the neuron's further
// spikes in the step.
module nmtool_tell #(
    parameter SLICE_BITS = 0,
    parameter POPULATION_BITS = 1,
    parameter INDEX_BITS = 1,
    parameter COUNT_BITS = 0,
    parameter DEEP = 0
) (
    input  wire                              clock,
    input  wire                              reset,

    output reg                               room,
    output wire                              empty,

    input  wire                              ends,      // a step
    input  wire                              done,
    input  wire [POPULATION_BITS-1:0]        population,
    input  wire                              spiking,
    input  wire [INDEX_BITS-1:0]             index,
    input  wire [(1<<SLICE_BITS)-1:0]        exist,
    input  wire [((COUNT_BITS+1)<<SLICE_BITS)-1:0] spikes,
    input  wire [(24<<SLICE_BITS)-1:0]       v,
    input  wire [(25<<SLICE_BITS)-1:0]       u,

    output wire                              out_valid,
    input  wire                              out_ready,
    output wire [1:0]                        out_kind,
    output wire [15:0]                       out_population,
    output wire [23:0]                       out_index,
    output wire [24:0]                       out_value
);
    localparam SLICES = 1 << SLICE_BITS;
    localparam LAST = SLICES - 1;
    localparam PLACE_BITS = SLICE_BITS > 0 ? SLICE_BITS : 1;
    localparam PLACES = 1 << PLACE_BITS;
    localparam ADDRESS_BITS = 5;
    localparam SPIKE_BITS = COUNT_BITS + 1;
    localparam WIDTH = 2 + POPULATION_BITS + INDEX_BITS
        + ((DEEP != 0 ? 50 : 25) + SPIKE_BITS) * SLICES;

    localparam [1:0] SPIKE = 2'd0, MEMBRANE = 2'd1, CURRENT = 2'd2, END = 2'd3;

    wire                       valid, taken;
    wire [WIDTH-1:0]           told, held;
    wire [ADDRESS_BITS:0]      level;

    wire                       is_end, has_v;
    wire [POPULATION_BITS-1:0] held_population;
    wire [INDEX_BITS-1:0]      held_index;
    wire [SLICES-1:0]          present;
    wire [SPIKE_BITS*SLICES-1:0] held_spikes;
    wire [24*SLICES-1:0]       held_v;
    wire [25*SLICES-1:0]       held_u;

    wire                       tells = done && (DEEP != 0 || !spiking || spikes != 0);

    // Half of the records: more than there are stages, and what starts before `room` ends. Stages for
    // counts need places of their own.
    localparam MORE_STAGES = COUNT_BITS != 0 ? COUNT_BITS + 2 : 0;

    always @(posedge clock) room <= level < (1 << (ADDRESS_BITS - 1)) - MORE_STAGES;

    assign empty = level == 0;

    nmtool_fifo #(.WIDTH(WIDTH), .ADDRESS_BITS(ADDRESS_BITS)) records (
        .clock(clock), .reset(reset),
        .push(tells || ends), .push_data(told),
        .valid(valid), .take(taken), .data(held), .level(level));

    genvar slice;
    generate
        if (DEEP != 0) begin : deep
            assign told = {ends, 1'b1, population, index, exist, spikes, v, u};
            assign {is_end, has_v, held_population, held_index, present, held_spikes, held_v,
                    held_u} = held;
        end else begin : shallow
            wire [SLICES-1:0] spiked;

            for (slice = 0; slice < SLICES; slice = slice + 1) begin : slices
                assign spiked[slice] = spikes[SPIKE_BITS*slice];
            end

            assign told = {ends, !spiking, population, index, spiking ? spiked : exist, spikes, v};
            assign {is_end, has_v, held_population, held_index, present, held_spikes, held_v}
                = held;
            assign held_u = {(25*SLICES){1'b0}};
            wire unused = &{1'b0, u};
        end
    endgenerate

    reg [PLACE_BITS-1:0] place;
    reg                  u_told, v_told;

    // With one slice there is one place, and a bit that says so.
    wire [PLACES-1:0]  presents = {{(PLACES-SLICES){1'b0}}, present};
    wire [PLACES*SPIKE_BITS-1:0] have_spikes =
        {{((PLACES-SLICES)*SPIKE_BITS){1'b0}}, held_spikes};
    wire [COUNT_BITS:0] spikes_here = have_spikes[SPIKE_BITS*place +: SPIKE_BITS];
    wire               here = presents[place];
    wire [23:0]        v_here = held_v[24*place +: 24];
    wire               tells_u = DEEP != 0 && !u_told;
    wire               tells_v = !tells_u && has_v && !v_told;
    wire               last_word = !tells_u && (!tells_v || !spikes_here[0]);
    wire               next = valid && !is_end && (!here || (out_ready && last_word));

    assign out_valid = valid && (is_end || here);
    assign out_kind = is_end ? END : tells_u ? CURRENT : tells_v ? MEMBRANE : SPIKE;
    assign out_population = {{(16-POPULATION_BITS){1'b0}}, held_population};
    assign out_index = {{(24-INDEX_BITS){1'b0}}, held_index} + {{(24-PLACE_BITS){1'b0}}, place};
    assign out_value = out_kind == CURRENT ? held_u[25*place +: 25]
        : out_kind == MEMBRANE ? {v_here[23], v_here}
        : out_kind == SPIKE ? {{(24-COUNT_BITS){1'b0}}, spikes_here >> 1} : 25'd0;
    assign taken = (valid && is_end && out_ready) || (next && place == LAST[PLACE_BITS-1:0]);

    always @(posedge clock)
        if (reset) begin
            place <= 0;
            {u_told, v_told} <= 2'b00;
        end else begin
            if (next) begin
                place <= place == LAST[PLACE_BITS-1:0] ? 0 : place + 1'b1;
                {u_told, v_told} <= 2'b00;
            end else if (out_valid && out_ready && !is_end)
                {u_told, v_told} <= {1'b1, tells_v};   // after v, the spike is the last word
        end
endmodule
