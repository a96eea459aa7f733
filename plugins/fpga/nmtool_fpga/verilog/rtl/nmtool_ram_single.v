// A memory of one port: the large ones of an iCE40 UP, which hold nothing when power comes on.
// Reading takes one clock; in a clock that writes, what was read last stays.
module nmtool_ram_single #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS_BITS = 1
) (
    input  wire                    clock,
    input  wire                    write,
    input  wire [ADDRESS_BITS-1:0] address,
    input  wire [WIDTH-1:0]        write_data,
    output reg  [WIDTH-1:0]        read_data
);
    (* ram_style = "huge" *) reg [WIDTH-1:0] content [0:DEPTH-1];

    always @(posedge clock)
        if (write) content[address] <= write_data;
        else read_data <= content[address];
endmodule
