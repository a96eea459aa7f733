// ULX3S, an LFE5U-12F to LFE5U-85F: 25 MHz, 1 Mbaud.
module ulx3s #(
    parameter DIVIDER = 25,
    parameter DEEP = 0,
    parameter MEM = "mem/"
) (
    input  wire       clk_25mhz,
    input  wire       ftdi_txd,        // from the USB chip
    output wire       ftdi_rxd,
    output wire [7:0] led,             // 7 an answer, 6 something is wrong, 5 ... 0 the class
    output wire       wifi_gpio0       // 1 keeps the other chip from taking over the board
);
    wire        blink, wrong;
    wire [23:0] shown;
    wire        unused = &{1'b0, shown};

    assign led = {blink, wrong, shown[5:0]};
    assign wifi_gpio0 = 1'b1;

    nmtool_board #(.DIVIDER(DIVIDER), .DEEP(DEEP), .MEM(MEM)) board (
        .clock(clk_25mhz), .rx(ftdi_txd), .tx(ftdi_rxd),
        .blink(blink), .shown(shown), .wrong(wrong));
endmodule
