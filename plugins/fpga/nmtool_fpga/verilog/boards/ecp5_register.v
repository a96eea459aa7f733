// nmtool_ram_register where the register is in the block RAM before it: a wire. For ecp5.ys alone.
module nmtool_ram_register #(
    parameter WIDTH = 8
) (
    input  wire             clock,
    input  wire [WIDTH-1:0] read,
    output wire [WIDTH-1:0] held
);
    assign held = read;
endmodule
