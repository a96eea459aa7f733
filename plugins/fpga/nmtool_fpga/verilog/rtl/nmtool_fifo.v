// A queue. What is pushed can be taken four clocks later, and something every third clock; `level`
// counts all that is in it. The memory may be far away: there is a register behind it, and one where
// its words are taken. It reads all the time, at an address that waits for its word to be there.
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
    reg [1:0]            read;              // what comes next is in the memory's registers

    wire [WIDTH-1:0] read_data, held_data;
    wire             moves = read[1] && (!valid || take);

    always @(posedge clock) begin
        if (moves) data <= held_data;
        if (reset) begin
            pushed <= 0;
            fetched <= 0;
            level <= 0;
            read <= 2'b00;
            valid <= 1'b0;
        end else begin
            pushed <= pushed + {{ADDRESS_BITS{1'b0}}, push};
            if (moves) fetched <= fetched + 1'b1;
            if (push && !take) level <= level + 1'b1;
            else if (take && !push) level <= level - 1'b1;
            read <= moves ? 2'b00 : {read[0], pushed != fetched};
            valid <= moves || (valid && !take);
        end
    end

    nmtool_ram #(.WIDTH(WIDTH), .DEPTH(DEPTH), .ADDRESS_BITS(ADDRESS_BITS)) held (
        .clock(clock),
        .write(push), .write_address(pushed[ADDRESS_BITS-1:0]), .write_data(push_data),
        .read_address(fetched[ADDRESS_BITS-1:0]), .read_data(read_data));

    nmtool_ram_register #(.WIDTH(WIDTH)) behind (
        .clock(clock), .read(read_data), .held(held_data));
endmodule
