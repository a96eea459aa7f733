// A memory in banks, with a register behind each: no multiplexer adds to the time it takes to
// read. The register of a bank that was not asked becomes 0, so that what was read is all of them,
// or-ed. Two clocks from an address to its data.
module nmtool_banks #(
    parameter WIDTH = 1,
    parameter DEPTH = 2,
    parameter ADDRESS_BITS = 1,
    parameter BANK_BITS = 1,           // a bank has 2^BANK_BITS words
    parameter SINGLE_PORT = 0,         // 1: nothing is read in a clock that writes
    parameter FILES = ""               // begins the names of files: banks are 000, 001, ...
) (
    input  wire                    clock,
    input  wire                    write,
    input  wire [ADDRESS_BITS-1:0] write_address,
    input  wire [WIDTH-1:0]        write_data,
    input  wire [ADDRESS_BITS-1:0] read_address,
    output wire [WIDTH-1:0]        read_data
);
    localparam WITHIN = BANK_BITS < ADDRESS_BITS ? BANK_BITS : ADDRESS_BITS;
    localparam SIZE = 1 << WITHIN;
    localparam BANKS = (DEPTH + SIZE - 1) / SIZE;
    localparam NUMBER_BITS = ADDRESS_BITS > WITHIN ? ADDRESS_BITS - WITHIN : 1;

    wire [NUMBER_BITS-1:0] read_number, write_number;
    wire [BANKS*WIDTH-1:0] held;

    generate
        if (ADDRESS_BITS > WITHIN) begin : several
            assign read_number = read_address[ADDRESS_BITS-1:WITHIN];
            assign write_number = write_address[ADDRESS_BITS-1:WITHIN];
        end else begin : alone
            assign read_number = 1'b0;
            assign write_number = 1'b0;
        end
    endgenerate

    genvar bank, place;
    generate
        for (bank = 0; bank < BANKS; bank = bank + 1) begin : banks
            localparam LEFT = DEPTH - bank * SIZE;
            localparam HERE = LEFT >= SIZE ? SIZE : LEFT > 2 ? LEFT : 2;
            localparam BITS = $clog2(HERE);

            wire             writes = write && write_number == bank[NUMBER_BITS-1:0];
            wire [WIDTH-1:0] read;
            reg              asked;
            reg [WIDTH-1:0]  here;

            assign held[bank*WIDTH +: WIDTH] = here;

            always @(posedge clock) begin
                asked <= read_number == bank[NUMBER_BITS-1:0];
                here <= asked ? read : {WIDTH{1'b0}};
            end

            if (SINGLE_PORT != 0) begin : single
                nmtool_ram_single #(
                    .WIDTH(WIDTH), .DEPTH(HERE), .ADDRESS_BITS(BITS)
                ) memory (
                    .clock(clock), .write(writes),
                    .address(writes ? write_address[BITS-1:0] : read_address[BITS-1:0]),
                    .write_data(write_data), .read_data(read));
            end else if (FILES != "") begin : filled
                localparam [7:0] HUNDREDS = 48 + bank / 100;
                localparam [7:0] TENS = 48 + bank / 10 % 10;
                localparam [7:0] ONES = 48 + bank % 10;

                nmtool_ram #(
                    .WIDTH(WIDTH), .DEPTH(HERE), .ADDRESS_BITS(BITS),
                    .FILE({FILES, HUNDREDS, TENS, ONES, ".hex"})
                ) memory (
                    .clock(clock),
                    .write(writes), .write_address(write_address[BITS-1:0]),
                    .write_data(write_data),
                    .read(1'b1), .read_address(read_address[BITS-1:0]), .read_data(read));
            end else begin : plain
                nmtool_ram #(
                    .WIDTH(WIDTH), .DEPTH(HERE), .ADDRESS_BITS(BITS)
                ) memory (
                    .clock(clock),
                    .write(writes), .write_address(write_address[BITS-1:0]),
                    .write_data(write_data),
                    .read(1'b1), .read_address(read_address[BITS-1:0]), .read_data(read));
            end
        end

        for (place = 0; place < WIDTH; place = place + 1) begin : places
            wire [BANKS-1:0] every;

            for (bank = 0; bank < BANKS; bank = bank + 1) begin : banks
                assign every[bank] = held[bank*WIDTH + place];
            end
            assign read_data[place] = |every;
        end
    endgenerate
endmodule
