// Sends the neurons of neurons.hex through nmtool_neuron, one in each clock; before constants of
// a population change, the pipeline drains. A line has constants, state, bias, what arrives, and what
// has to come out.
module neuron_bench;
    parameter ACC_BITS = 19;
    parameter SHIFT = 6;
    parameter BIAS_BITS = 20;
    parameter NEURONS = 1;

    localparam LATENCY = 8;
    localparam WIDTH = 1 + 12 + 13 + 17 + 19 + 1 + 49 + BIAS_BITS + ACC_BITS + 50;

    reg clock = 1'b0;
    always #5 clock = !clock;

    reg [WIDTH-1:0] neurons [0:NEURONS-1];
    integer         entered, left, pause, clocks;

    reg                  fresh, spiking, next_spiking;
    reg [11:0]           keep_u, next_keep_u;
    reg [12:0]           keep_v, next_keep_v;
    reg [16:0]           threshold, next_threshold;
    reg [18:0]           drop, next_drop;
    reg [48:0]           state;
    reg [BIAS_BITS-1:0]  bias;
    reg [ACC_BITS-1:0]   arriving;
    reg [49:0]           due;
    reg [LATENCY:0]      on_way;
    wire [24:0]          u;
    wire [23:0]          v;
    wire                 spike;

    nmtool_neuron #(.ACC_BITS(ACC_BITS), .SHIFT(SHIFT), .BIAS_BITS(BIAS_BITS)) neuron (
        .clock(clock), .keep_u(keep_u), .keep_v(keep_v), .threshold(threshold), .drop(drop),
        .spiking(spiking), .state(state), .bias(bias), .arriving(arriving),
        .done_u(u), .done_v(v), .done_spike(spike));

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
            {fresh, next_keep_u, next_keep_v, next_threshold, next_drop, next_spiking} =
                neurons[entered] >> (WIDTH - 63);
            if (!fresh || on_way == 0) begin
                {keep_u, keep_v, threshold, drop, spiking} =
                    {next_keep_u, next_keep_v, next_threshold, next_drop, next_spiking};
                {state, bias, arriving} = neurons[entered] >> 50;
                on_way[0] = 1'b1;
                entered = entered + 1;
            end
        end
    end

    always @(posedge clock) if (on_way[LATENCY]) begin
        due = neurons[left][49:0];
        if ({u, v, spike} !== due) begin
            $display("another neuron %0d: u %h v %h spike %b, not u %h v %h spike %b", left, u, v,
                     spike, due[49:25], due[24:1], due[0]);
            $finish;
        end
        left = left + 1;
        if (left == NEURONS) begin
            $display("same in %0d clocks", clocks);
            $finish;
        end
    end
endmodule
