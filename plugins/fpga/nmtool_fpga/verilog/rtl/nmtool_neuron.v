// One step of a neuron; a neuron may enter in every clock: the arithmetic `loihi2`, with M = 2^23.
//
//     u <- trunc(u * keep_u / 4096) + (a << SHIFT)      modulo 2^24, in -M+1 .. M
//     v <- trunc(v * keep_v / 4096) + u + bias          clipped to -M+1 .. M-1
//     a spike where v > 64 * threshold, then
//         drop = 0    v <- 0
//         drop > 0    v <- v - 64 * drop, and if more spikes are allowed, once more while v is above
//         drop < 0    v stays, and in the next step 64 * drop is added to v before the clip
//
// A v that a late drop leaves above the threshold tells the next step that the neuron spiked. So what
// is due needs no memory, and after a clearing nothing is. With whatever is due, v fits 26 bits before
// the clip: only a v above 64 * threshold, which is not below 0, is reduced by up to 2^24.
//
// `trunc` rounds towards zero. With state = 4096*high + low, 0 <= low < 4096:
//
//     floor(state * keep / 4096) = high * keep + floor(low * keep / 4096)
//
// and what is below zero is one more where low * keep is no multiple of 4096. So each decay takes
// two small products, and nothing wide is negated.
//
// u reaches M, which needs 25 bits. Its low 24 bits tell it apart: 800000 is M, as -M never is.
// One addition modulo 2^24 is the chip's wrap as long as |a << SHIFT| < 2^24, which whoever fills
// the memories has checked. So ACC_BITS + SHIFT is at most 25.
//
// Stages, as `nmtool_update` counts them, which fetches a neuron:
//
//     3 state, bias and `arriving` are here   4 products   5 decayed   6 u
//     7 u with its sign, v without u   8 v   9 v clipped   10 threshold, v after a spike   11 told
//
// With COUNT_BITS, as many stages and two more look for further spikes, between 9 and 10.
module nmtool_neuron #(
    parameter ACC_BITS = 2,
    parameter SHIFT = 6,
    parameter BIAS_BITS = 1,
    parameter COUNT_BITS = 0
) (
    input  wire                        clock,

    // Of the population; they stay while any of its neurons is on its way.
    input  wire [11:0]                 keep_u,
    input  wire [12:0]                 keep_v,
    input  wire [16:0]                 threshold,
    input  wire [18:0]                 drop,        // with a sign; 0 where no neuron spikes
    input  wire [COUNT_BITS:0]         allowed,     // spikes after the first, and whether any is

    input  wire [48:0]                 state,       // u and v
    input  wire signed [BIAS_BITS-1:0] bias,
    input  wire signed [ACC_BITS-1:0]  arriving,

    output reg [24:0]                  done_u,      // in stage 11
    output reg [23:0]                  done_v,      // after the spike
    output reg [COUNT_BITS:0]          done_spikes  // those after the first, and whether any is
);
    // 4: the four products
    wire signed [12:0] u_high = state[48:36];
    wire signed [11:0] v_high = state[23:12];
    wire signed [12:0] keep_u_signed = {1'b0, keep_u};
    wire signed [13:0] keep_v_signed = {1'b0, keep_v};

    reg signed [23:0] product_u, product_v;     // both fit
    reg [23:0]        low_u;
    reg [24:0]        low_v;
    reg               below_u, below_v;
    reg signed [BIAS_BITS-1:0] bias4, bias5;
    reg signed [ACC_BITS-1:0]  arrived4;

    wire late = drop[18];
    reg  owes4, owes5, owes6;                   // the drop of the step before

    always @(posedge clock) begin
        product_u <= $signed({{11{u_high[12]}}, u_high}) * $signed({11'd0, keep_u_signed});
        product_v <= $signed({{12{v_high[11]}}, v_high}) * $signed({10'd0, keep_v_signed});
        low_u <= {12'd0, state[35:24]} * {12'd0, keep_u};
        low_v <= {13'd0, state[11:0]} * {12'd0, keep_v};
        below_u <= state[48];
        below_v <= state[23];
        bias4 <= bias;
        arrived4 <= arriving;
        owes4 <= late && !state[23] && state[22:0] > {threshold, 6'd0};
    end

    // 5: both decays; they fit 24 bits with a sign
    wire up_u = below_u && low_u[11:0] != 12'd0;
    wire up_v = below_v && low_v[11:0] != 12'd0;

    reg [23:0]                decayed_u, decayed_v;
    reg signed [ACC_BITS-1:0] arrived;

    always @(posedge clock) begin
        decayed_u <= product_u + {12'd0, low_u[23:12]} + {23'd0, up_u};
        decayed_v <= product_v + {11'd0, low_v[24:12]} + {23'd0, up_v};
        arrived <= arrived4;
        bias5 <= bias4;
        owes5 <= owes4;
    end

    // 6: u, its low 24 bits; 7: all of it, and what v is without u
    wire [24:0] added = {{(25-ACC_BITS-SHIFT){arrived[ACC_BITS-1]}}, arrived, {SHIFT{1'b0}}};
    wire        unused_modulo = added[24];

    reg [23:0]        u6;
    reg [24:0]        u7;
    reg signed [25:0] v6, v7;

    always @(posedge clock) begin
        u6 <= decayed_u + added[23:0];
        v6 <= {{2{decayed_v[23]}}, decayed_v} + {{(26-BIAS_BITS){bias5[BIAS_BITS-1]}}, bias5};
        owes6 <= owes5;
        u7 <= {u6[23] && u6[22:0] != 23'd0, u6};
        v7 <= v6 + (owes6 ? {late, drop, 6'd0} : 26'd0);
    end

    // 8: v; 9: clipped, which its upper bits tell, and -M by the lower ones
    reg [24:0]        u8, u9, u10;
    reg signed [25:0] v8;
    reg [23:0]        v9, v10, after10;
    reg [COUNT_BITS:0] spikes10;

    wire outside = v8[25:23] != {3{v8[25]}} || (v8[25] && v8[22:0] == 23'd0);

    always @(posedge clock) begin
        v8 <= v7 + {u7[24], u7};
        u8 <= u7;
        v9 <= outside ? {v8[25], {22{!v8[25]}}, 1'b1} : v8[23:0];
        u9 <= u8;
    end

    // Further spikes; where there are some, v without them is still above the threshold.
    wire [24:0]         u_rest;
    wire [23:0]         v_rest;
    wire [COUNT_BITS:0] further;

    generate
        if (COUNT_BITS != 0) begin : counting
            assign further[0] = 1'b0;

            nmtool_again #(.COUNT_BITS(COUNT_BITS)) again (
                .clock(clock), .threshold(threshold), .drop(drop[17:0]),
                .most(allowed[COUNT_BITS:1]), .u(u9), .v(v9),
                .later_u(u_rest), .rest(v_rest), .more(further[COUNT_BITS:1]));
        end else begin : once
            assign u_rest = u9;
            assign v_rest = v9;
            assign further = 1'b0;
        end
    endgenerate

    // 10: threshold, and what v is after a spike
    wire [17:0] subtracted = late ? 18'd0 : drop[17:0];
    wire        spikes = allowed[0] && !v_rest[23] && v_rest[22:0] > {threshold, 6'd0};

    always @(posedge clock) begin
        spikes10 <= further | {{COUNT_BITS{1'b0}}, spikes};
        v10 <= v_rest;
        after10 <= drop == 19'd0 ? 24'd0 : v_rest - {subtracted, 6'd0};
        u10 <= u_rest;
    end

    // 11: told
    always @(posedge clock) begin
        done_u <= u10;
        done_v <= spikes10[0] ? after10 : v10;
        done_spikes <= spikes10;
    end
endmodule
