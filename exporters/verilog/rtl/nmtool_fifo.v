// A queue. What is pushed can be taken three clocks later, and something every second clock;
// `level` counts all that is in it. A register behind the memory, whose fetch depends on registers
// alone: the memory is slow, and what decides about `take` may be.
module nmtool_fifo #(
    parameter WIDTH = 8,
    parameter ADDRESS_BITS = 1
) (
    input  wire                  clock,
    input  wire                  reset,
    input  wire                  push,
    input  wire [WIDTH-1:0]      push_data,
    output reg                   valid,
    input  wire                  take,      // only where `valid`
    output reg [WIDTH-1:0]       data,
    output reg [ADDRESS_BITS:0]  level
);
    localparam DEPTH = 1 << ADDRESS_BITS;

    reg [ADDRESS_BITS:0] pushed, fetched;
    reg                  read;              // the memory has read what comes next

    wire [WIDTH-1:0] read_data;
    wire             fetch = pushed != fetched && !read;
    wire             moves = read && (!valid || take);

    always @(posedge clock) begin
        if (moves) data <= read_data;
        if (reset) begin
            pushed <= 0;
            fetched <= 0;
            level <= 0;
            read <= 1'b0;
            valid <= 1'b0;
        end else begin
            pushed <= pushed + {{ADDRESS_BITS{1'b0}}, push};
            fetched <= fetched + {{ADDRESS_BITS{1'b0}}, fetch};
            if (push && !take) level <= level + 1'b1;
            else if (take && !push) level <= level - 1'b1;
            read <= fetch || (read && !moves);
            valid <= moves || (valid && !take);
        end
    end

    nmtool_ram #(.WIDTH(WIDTH), .DEPTH(DEPTH), .ADDRESS_BITS(ADDRESS_BITS)) held (
        .clock(clock),
        .write(push), .write_address(pushed[ADDRESS_BITS-1:0]), .write_data(push_data),
        .read(fetch), .read_address(fetched[ADDRESS_BITS-1:0]), .read_data(read_data));
endmodule
