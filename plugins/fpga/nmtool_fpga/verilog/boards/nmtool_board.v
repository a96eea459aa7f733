// What boards share: a reset when power comes on, the serial line, and what LEDs show.
module nmtool_board #(
    parameter DIVIDER = 12,            // clocks per bit of the serial line
    parameter BLINK_BITS = 20,         // a blink is 2^BLINK_BITS clocks
    parameter SINGLE_PORT = 0,
    parameter DEEP = 0,
    parameter MEM = "mem/"
) (
    input  wire        clock,
    input  wire        rx,
    output wire        tx,
    output wire        blink,          // 1 for a while after each answer
    output reg [23:0]  shown,          // the last answer
    output wire        wrong
);
    // Registers are 0 when power comes on. Memories of an iCE40 cannot be read in the first
    // microseconds, and the line may not be quiet yet.
    reg [9:0] awake = 10'd0;

    wire reset = !awake[9];

    always @(posedge clock) if (reset) awake <= awake + 10'd1;

    wire        answer_valid;
    wire [23:0] answer;

    nmtool_serial #(
        .DIVIDER(DIVIDER), .SINGLE_PORT(SINGLE_PORT), .DEEP(DEEP), .MEM(MEM)
    ) serial (
        .clock(clock), .reset(reset), .rx(rx), .tx(tx),
        .answer_valid(answer_valid), .answer(answer), .wrong(wrong));

    reg [BLINK_BITS:0] lit;

    assign blink = lit[BLINK_BITS];

    always @(posedge clock)
        if (reset) begin
            lit <= 0;
            shown <= 24'd0;
        end else if (answer_valid) begin
            lit <= {(BLINK_BITS+1){1'b1}};
            shown <= answer;
        end else if (blink) lit <= lit - 1'b1;
endmodule
