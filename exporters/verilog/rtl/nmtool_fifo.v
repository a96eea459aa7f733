// A queue. What is pushed can be taken two clocks later; `level` counts all that is in it.
module nmtool_fifo #(
    parameter WIDTH = 8,
    parameter ADDRESS_BITS = 1
) (
    input  wire                  clock,
    input  wire                  reset,
    input  wire                  push,
    input  wire [WIDTH-1:0]      push_data,
    output reg                   valid,
    input  wire                  take,
    output wire [WIDTH-1:0]      data,
    output wire [ADDRESS_BITS:0] level
);
    localparam DEPTH = 1 << ADDRESS_BITS;

    reg [ADDRESS_BITS:0] pushed, fetched;

    wire empty = pushed == fetched;
    wire fetch = !empty && (!valid || take);

    assign level = pushed - fetched + {{ADDRESS_BITS{1'b0}}, valid};

    always @(posedge clock)
        if (reset) begin
            pushed <= 0;
            fetched <= 0;
            valid <= 1'b0;
        end else begin
            pushed <= pushed + {{ADDRESS_BITS{1'b0}}, push};
            fetched <= fetched + {{ADDRESS_BITS{1'b0}}, fetch};
            valid <= fetch || (valid && !take);
        end

    nmtool_ram #(.WIDTH(WIDTH), .DEPTH(DEPTH), .ADDRESS_BITS(ADDRESS_BITS)) held (
        .clock(clock),
        .write(push), .write_address(pushed[ADDRESS_BITS-1:0]), .write_data(push_data),
        .read(fetch), .read_address(fetched[ADDRESS_BITS-1:0]), .read_data(data));
endmodule
