// Words for the core's memories, from bytes: the first byte is the number of a memory, then words
// follow from address 0 on, each in BYTES bytes, the highest first.
module nmtool_loader #(
    parameter LOAD_BITS = 8,
    parameter LOAD_ADDRESS_BITS = 1
) (
    input  wire                         clock,
    input  wire                         reset,
    input  wire                         valid,
    input  wire                         first,
    input  wire [7:0]                   data,

    output reg                          load_valid,
    output reg [2:0]                    load_memory,
    output reg [LOAD_ADDRESS_BITS-1:0]  load_address,
    output wire [LOAD_BITS-1:0]         load_data
);
    localparam BYTES = (LOAD_BITS + 7) / 8;
    localparam COUNT_BITS = 6;         // of the bytes of the widest word
    localparam LAST = BYTES - 1;

    reg [COUNT_BITS-1:0] count;
    reg [8*BYTES-1:0]    word;

    assign load_data = word[LOAD_BITS-1:0];

    generate
        if (8 * BYTES > LOAD_BITS) begin : padded
            wire unused_bits = &{1'b0, word[8*BYTES-1:LOAD_BITS]};
        end
        if (BYTES == 1) begin : short
            always @(posedge clock) word <= data;
        end else begin : long
            always @(posedge clock) if (valid) word <= {word[8*BYTES-9:0], data};
        end
    endgenerate

    always @(posedge clock)
        if (reset) load_valid <= 1'b0;
        else begin
            load_valid <= valid && !first && count == LAST[COUNT_BITS-1:0];
            if (load_valid) load_address <= load_address + 1'b1;
            if (valid) count <= first || count == LAST[COUNT_BITS-1:0] ? 0 : count + 1'b1;
            if (valid && first) begin
                load_memory <= data[2:0];
                load_address <= 0;
            end
        end
endmodule
