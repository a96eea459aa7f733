// iCEBreaker, an iCE40UP5K: 12 MHz, 1 Mbaud. Synapses and ring lie in the large memories, which
// hold nothing when power comes on: load memory 0 first.
module icebreaker #(
    parameter DIVIDER = 12,
    parameter DEEP = 0,
    parameter MEM = "mem/"
) (
    input  wire CLK,
    input  wire RX,
    output wire TX,
    output wire LEDG_N,                // an answer
    output wire LEDR_N                 // a byte was lost, or makes no sense
);
    wire        blink, wrong;
    wire [23:0] shown;
    wire        unused = &{1'b0, shown};

    assign LEDG_N = !blink;
    assign LEDR_N = !wrong;

    nmtool_board #(
        .DIVIDER(DIVIDER), .BLINK_BITS(19), .SINGLE_PORT(1), .DEEP(DEEP), .MEM(MEM)
    ) board (
        .clock(CLK), .rx(RX), .tx(TX), .blink(blink), .shown(shown), .wrong(wrong));
endmodule
