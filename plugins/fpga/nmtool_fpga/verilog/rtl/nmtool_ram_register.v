// The register behind a memory, a module of its own so that a synthesis can find it: an ECP5 has one
// in its block RAMs, which Yosys does not use by itself. boards/ecp5.ys puts this one there.
module nmtool_ram_register #(
    parameter WIDTH = 8
) (
    input  wire             clock,
    input  wire [WIDTH-1:0] read,
    output reg  [WIDTH-1:0] held
);
    always @(posedge clock) held <= read;
endmodule
