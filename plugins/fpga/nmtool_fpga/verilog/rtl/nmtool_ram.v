// A memory of two ports, one to write and one to read. Reading takes one clock.
//
// None is read and written at one address in one clock, or nobody takes what was read then: where
// hardware leaves open what that gives, nothing depends on it (`no_rw_check`).
module nmtool_ram #(
    parameter WIDTH = 8,
    parameter DEPTH = 2,
    parameter ADDRESS_BITS = 1,
    parameter FILE = "",
    parameter FILLED = DEPTH           // words of FILE
) (
    input  wire                    clock,
    input  wire                    write,
    input  wire [ADDRESS_BITS-1:0] write_address,
    input  wire [WIDTH-1:0]        write_data,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output reg  [WIDTH-1:0]        read_data
);
    (* no_rw_check *) reg [WIDTH-1:0] content [0:DEPTH-1];

    initial if (FILE != "") $readmemh(FILE, content, 0, FILLED - 1);

    always @(posedge clock) begin
        if (write) content[write_address] <= write_data;
        read_data <= content[read_address];
    end
endmodule
