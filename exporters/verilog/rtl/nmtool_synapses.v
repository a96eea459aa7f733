// Synapses, in banks with a register behind each and one behind all: the multiplexer of a large
// memory does not add to the time it takes to read. Three clocks from an address to its data.
module nmtool_synapses #(
    parameter WIDTH = 1,
    parameter DEPTH = 1,
    parameter ADDRESS_BITS = 1,
    parameter BANK_BITS = 1,
    parameter SINGLE_PORT = 0,
    parameter FILES = ""               // begins the names of files: banks are 000, 001, ...
) (
    input  wire                    clock,
    input  wire                    load,
    input  wire [ADDRESS_BITS-1:0] load_address,
    input  wire [WIDTH-1:0]        load_data,
    input  wire [ADDRESS_BITS-1:0] address,
    output reg  [WIDTH-1:0]        data
);
    localparam WITHIN = BANK_BITS < ADDRESS_BITS ? BANK_BITS : ADDRESS_BITS;
    localparam SIZE = 1 << WITHIN;
    localparam BANKS = (DEPTH + SIZE - 1) / SIZE;
    localparam NUMBER_BITS = ADDRESS_BITS > WITHIN ? ADDRESS_BITS - WITHIN : 1;

    wire [BANKS*WIDTH-1:0] read;
    reg [BANKS*WIDTH-1:0]  held;
    wire [NUMBER_BITS-1:0] number, load_number;
    reg [NUMBER_BITS-1:0]  number1, number2;

    generate
        if (ADDRESS_BITS > WITHIN) begin : several
            assign number = address[ADDRESS_BITS-1:WITHIN];
            assign load_number = load_address[ADDRESS_BITS-1:WITHIN];
        end else begin : alone
            assign number = 1'b0;
            assign load_number = 1'b0;
        end
    endgenerate

    genvar bank;
    generate
        for (bank = 0; bank < BANKS; bank = bank + 1) begin : banks
            localparam LEFT = DEPTH - bank * SIZE;
            localparam HERE = LEFT >= SIZE ? SIZE : LEFT > 2 ? LEFT : 2;
            localparam BITS = $clog2(HERE);
            localparam [7:0] HUNDREDS = 48 + bank / 100;
            localparam [7:0] TENS = 48 + bank / 10 % 10;
            localparam [7:0] ONES = 48 + bank % 10;

            wire write = load && load_number == bank[NUMBER_BITS-1:0];

            if (SINGLE_PORT != 0) begin : single
                nmtool_ram_single #(
                    .WIDTH(WIDTH), .DEPTH(HERE), .ADDRESS_BITS(BITS)
                ) memory (
                    .clock(clock), .write(write),
                    .address(write ? load_address[BITS-1:0] : address[BITS-1:0]),
                    .write_data(load_data), .read_data(read[bank*WIDTH +: WIDTH]));
            end else begin : dual
                nmtool_ram #(
                    .WIDTH(WIDTH), .DEPTH(HERE), .ADDRESS_BITS(BITS),
                    .FILE({FILES, HUNDREDS, TENS, ONES, ".hex"})
                ) memory (
                    .clock(clock),
                    .write(write), .write_address(load_address[BITS-1:0]),
                    .write_data(load_data),
                    .read(1'b1), .read_address(address[BITS-1:0]),
                    .read_data(read[bank*WIDTH +: WIDTH]));
            end
        end
    endgenerate

    always @(posedge clock) begin
        held <= read;
        number1 <= number;
        number2 <= number1;
        data <= held[number2*WIDTH +: WIDTH];
    end
endmodule
