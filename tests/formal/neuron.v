// nmtool_neuron against the step of nmtool in a few lines of wide integers, for every u, v, sum, bias,
// decay and threshold. Its four products are any numbers that products of those signs and sizes
// can be; that they are the right ones is seen by trying all, in neuron_products.cpp.
//
// Names with a dot are signals inside, which Yosys connects.
module neuron_proof #(
    parameter ACC_BITS = 19,
    parameter SHIFT = 6,
    parameter BIAS_BITS = 20
) (
    input wire                        clock,
    input wire signed [24:0]          u,
    input wire signed [23:0]          v,
    input wire signed [BIAS_BITS-1:0] bias,
    input wire signed [ACC_BITS-1:0]  arriving
);
    localparam signed [39:0] M = 1 << 23;

    (* anyconst *) wire [11:0] keep_u;
    (* anyconst *) wire [12:0] keep_v;
    (* anyconst *) wire [16:0] threshold;
    (* anyconst *) wire        spiking;

    (* hierconn *) wire signed [23:0] \neuron.product_u , \neuron.product_v ;
    (* hierconn *) wire [23:0] \neuron.low_u ;
    (* hierconn *) wire [24:0] \neuron.low_v ;

    wire [24:0] done_u;
    wire [23:0] done_v;
    wire        done_spike;

    nmtool_neuron #(.ACC_BITS(ACC_BITS), .SHIFT(SHIFT), .BIAS_BITS(BIAS_BITS)) neuron (
        .clock(clock), .keep_u(keep_u), .keep_v(keep_v), .threshold(threshold), .spiking(spiking),
        .state({u, v}), .bias(bias), .arriving(arriving),
        .done_u(done_u), .done_v(done_v), .done_spike(done_spike));

    // Stage 4, in which the products are here, and `arriving`.
    reg signed [39:0] u4, v4, bias4;

    always @(posedge clock) begin
        u4 <= u;
        v4 <= v;
        bias4 <= bias;
    end

    // state * keep, from the products of its upper and of its lower bits.
    wire signed [39:0] high_u = \neuron.product_u , high_v = \neuron.product_v ;
    wire signed [39:0] all_u = (high_u <<< 12) + $signed({16'd0, \neuron.low_u });
    wire signed [39:0] all_v = (high_v <<< 12) + $signed({15'd0, \neuron.low_v });
    wire signed [39:0] sum = $signed({{(40-ACC_BITS){arriving[ACC_BITS-1]}}, arriving}) <<< SHIFT;

    always @* begin
        assume (u > -M && u <= M && v > -M && v < M);
        assume (keep_v <= 4096);
        assume (sum > -2*M && sum < 2*M);
        assume (\neuron.low_u <= 4095 * 4095 && \neuron.low_v <= 4095 * 4096);
        // |state * keep| is at most |state| * 4096, and has the sign of the state.
        assume (u4 < 0 ? all_u <= 0 && all_u >= (u4 <<< 12) : all_u >= 0 && all_u <= (u4 <<< 12));
        assume (v4 < 0 ? all_v <= 0 && all_v >= (v4 <<< 12) : all_v >= 0 && all_v <= (v4 <<< 12));
    end

    function signed [39:0] trunc(input signed [39:0] product);
        trunc = product < 0 ? -(-product >>> 12) : product >>> 12;
    endfunction

    // The step.
    reg signed [39:0] new_u, new_v;
    reg               spike;

    always @* begin
        new_u = trunc(all_u) + sum;
        if (new_u > M) new_u = new_u - 2*M;
        else if (new_u <= -M) new_u = new_u + 2*M;
        new_v = trunc(all_v) + new_u + bias4;
        if (new_v >= M) new_v = M - 1;
        else if (new_v <= -M) new_v = 1 - M;
        spike = spiking && new_v > $signed({17'd0, threshold, 6'd0});
        if (spike) new_v = 0;
    end

    // It comes out 7 clocks later.
    localparam LATER = 7;

    reg [50*LATER-1:0] due;
    reg [3:0]          age = 0;

    always @(posedge clock) begin
        due <= {due[50*(LATER-1)-1:0], new_u[24:0], new_v[23:0], spike};
        if (age <= LATER + 2) age <= age + 1'b1;
    end

    always @* if (age > LATER + 2)
        assert ({done_u, done_v, done_spike} == due[50*LATER-1 -: 50]);
endmodule
