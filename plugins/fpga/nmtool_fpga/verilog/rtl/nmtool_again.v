// The spikes of a neuron after its first in a step: it spikes again while v is above the threshold
// when all of them so far have subtracted, up to `most` times. `rest` is v without these further
// spikes, so that the first has yet to subtract.
//
// The constants are multiples of 64, so that it suffices to look at
//
//     above = floor(v / 64) - threshold, less 1 if v is a multiple of 64
//
// which is not negative where v > 64 * threshold. How many spikes there are is found digit by digit, the
// highest first, each in a stage: 2^DIGIT more are there if 2^DIGIT * drop leaves `above` so. One stage
// before these makes `above` of v, and one behind them v of `above`. `u` takes as many stages.
module nmtool_again #(
    parameter COUNT_BITS = 1
) (
    input  wire                  clock,
    input  wire [16:0]           threshold,
    input  wire [17:0]           drop,
    input  wire [COUNT_BITS-1:0] most,
    input  wire [24:0]           u,
    input  wire [23:0]           v,

    output reg [24:0]            later_u,
    output reg [23:0]            rest,
    output reg [COUNT_BITS-1:0]  more
);
    localparam WIDTH = 25 + 19 + 6;

    reg [18:0] above;
    reg [24:0] u_first;
    reg [5:0]  low;

    always @(posedge clock) begin
        above <= {v[23], v[23:6]} - {2'd0, threshold} - {18'd0, v[5:0] == 6'd0};
        low <= v[5:0];
        u_first <= u;
    end

    // What enters each stage of a digit, and behind the last what leaves it.
    wire [WIDTH*(COUNT_BITS+1)-1:0]      states;
    wire [COUNT_BITS*(COUNT_BITS+1)-1:0] counts;

    assign states[WIDTH-1:0] = {u_first, above, low};
    assign counts[COUNT_BITS-1:0] = {COUNT_BITS{1'b0}};

    genvar stage;
    generate
        for (stage = 0; stage < COUNT_BITS; stage = stage + 1) begin : digits
            localparam DIGIT = COUNT_BITS - 1 - stage;
            localparam [COUNT_BITS-1:0] FURTHER = 1 << DIGIT;

            reg [24:0]           u_then;
            reg [18:0]           above_then;
            reg [5:0]            low_then;
            reg [COUNT_BITS-1:0] count_then;

            wire [24:0]           u_now;
            wire [18:0]           above_now;
            wire [5:0]            low_now;
            wire [COUNT_BITS-1:0] count_now = counts[COUNT_BITS*stage +: COUNT_BITS];
            assign {u_now, above_now, low_now} = states[WIDTH*stage +: WIDTH];

            wire [19+DIGIT:0]     left = {{(DIGIT+1){above_now[18]}}, above_now}
                - {2'd0, drop, {DIGIT{1'b0}}};
            wire [COUNT_BITS-1:0] tried = count_now | FURTHER;
            wire                  fits = !left[19+DIGIT] && tried <= most;
            wire                  unused_bits = &{1'b0, left[18+DIGIT:18]};

            assign states[WIDTH*(stage+1) +: WIDTH] = {u_then, above_then, low_then};
            assign counts[COUNT_BITS*(stage+1) +: COUNT_BITS] = count_then;

            always @(posedge clock) begin
                u_then <= u_now;
                above_then <= fits ? {1'b0, left[17:0]} : above_now;
                low_then <= low_now;
                count_then <= fits ? tried : count_now;
            end
        end
    endgenerate

    wire [24:0] u_last;
    wire [18:0] above_last;
    wire [5:0]  low_last;
    assign {u_last, above_last, low_last} = states[WIDTH*COUNT_BITS +: WIDTH];
    wire [18:0] high = above_last + {2'd0, threshold} + {18'd0, low_last == 6'd0};
    wire        unused_sign = high[18];

    always @(posedge clock) begin
        later_u <= u_last;
        rest <= {high[17:0], low_last};
        more <= counts[COUNT_BITS*COUNT_BITS +: COUNT_BITS];
    end
endmodule
