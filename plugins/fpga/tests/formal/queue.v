// A queue of two words that keeps the promise of nmtool_fifo, whose own proof is fifo_proof.v: words come
// out each once, in their order, and stay until they are taken; when one comes is open.
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
    (* anyseq *) wire             comes;
    reg [WIDTH-1:0]               first, second;
    reg [1:0]                     count;

    wire       taken = valid && take;
    wire [1:0] left = count - {1'b0, taken};

    assign data = first;
    assign level = {{(ADDRESS_BITS-1){1'b0}}, count};

    always @(posedge clock) begin
        if (taken) first <= second;
        if (push && left == 0) first <= push_data;
        if (push && left == 1) second <= push_data;
        if (reset) {count, valid} <= 0;
        else begin
            count <= left + {1'b0, push};
            valid <= (valid && !take) || (comes && left != 0);
        end
    end
endmodule
