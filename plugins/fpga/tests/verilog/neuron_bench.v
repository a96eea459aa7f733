// Sends the neurons of neurons.hex through nmtool_neuron, one in each clock; before constants of
// a population change, the pipeline drains. A line has constants, state, bias, what arrives, and what
// has to come out.
module neuron_bench;
    parameter ACC_BITS = 19;
    parameter SHIFT = 6;
    parameter BIAS_BITS = 20;
    parameter COUNT_BITS = 0;
    parameter NEURONS = 1;

    localparam LATENCY = 8 + (COUNT_BITS != 0 ? COUNT_BITS + 2 : 0);
    localparam CONSTANTS = 1 + 12 + 13 + 17 + 19 + COUNT_BITS + 1;
    localparam DUE = 50 + COUNT_BITS;
    localparam WIDTH = CONSTANTS + 49 + BIAS_BITS + ACC_BITS + DUE;

    reg clock = 1'b0;
    always #5 clock = !clock;

    reg [WIDTH-1:0] neurons [0:NEURONS-1];
    integer         entered, left, pause, clocks;

    reg                  fresh;
    reg [COUNT_BITS:0]   allowed, next_allowed;
    reg [11:0]           keep_u, next_keep_u;
    reg [12:0]           keep_v, next_keep_v;
    reg [16:0]           threshold, next_threshold;
    reg [18:0]           drop, next_drop;
    reg [48:0]           state;
    reg [BIAS_BITS-1:0]  bias;
    reg [ACC_BITS-1:0]   arriving;
    reg [DUE-1:0]        due;
    reg [LATENCY:0]      on_way;
    wire [24:0]          u;
    wire [23:0]          v;
    wire [COUNT_BITS:0]  spikes;

    nmtool_neuron #(
        .ACC_BITS(ACC_BITS), .SHIFT(SHIFT), .BIAS_BITS(BIAS_BITS), .COUNT_BITS(COUNT_BITS)
    ) neuron (
        .clock(clock), .keep_u(keep_u), .keep_v(keep_v), .threshold(threshold), .drop(drop),
        .allowed(allowed), .state(state), .bias(bias), .arriving(arriving),
        .done_u(u), .done_v(v), .done_spikes(spikes));

    initial begin
        {entered, left, pause, clocks} = 0;
        on_way = 0;
        $readmemh("neurons.hex", neurons);
    end

    always @(negedge clock) begin
        clocks = clocks + 1;
        state = {49{1'bx}};
        bias = {BIAS_BITS{1'bx}};
        arriving = {ACC_BITS{1'bx}};
        on_way = {on_way[LATENCY-1:0], 1'b0};
        if (entered < NEURONS) begin
            {fresh, next_keep_u, next_keep_v, next_threshold, next_drop, next_allowed} =
                neurons[entered] >> (WIDTH - CONSTANTS);
            if (!fresh || on_way == 0) begin
                {keep_u, keep_v, threshold, drop, allowed} =
                    {next_keep_u, next_keep_v, next_threshold, next_drop, next_allowed};
                {state, bias, arriving} = neurons[entered] >> DUE;
                on_way[0] = 1'b1;
                entered = entered + 1;
            end
        end
    end

    always @(posedge clock) if (on_way[LATENCY]) begin
        due = neurons[left][DUE-1:0];
        if ({u, v, spikes} !== due) begin
            $display("another neuron %0d: u %h v %h spikes %b, not u %h v %h spikes %b", left, u, v,
                     spikes, due[DUE-1 -: 25], due[DUE-26 -: 24], due[COUNT_BITS:0]);
            $finish;
        end
        left = left + 1;
        if (left == NEURONS) begin
            $display("same in %0d clocks", clocks);
            $finish;
        end
    end
endmodule
