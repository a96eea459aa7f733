// A memory in banks, with a register right behind each: nothing adds to the time it takes to read.
// What was read is all registers, or-ed, without those of banks that were not asked. Two clocks from
// an address to its data; what is written waits a clock for its bank.
//
// Many banks lie far apart: with FOURS = 1, every four are or-ed into a register. Three clocks then.
module nmtool_banks #(
    parameter WIDTH = 1,
    parameter DEPTH = 2,
    parameter ADDRESS_BITS = 1,
    parameter BANK_BITS = 1,           // a bank has 2^BANK_BITS words
    parameter FOURS = 0,
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
    localparam GROUPS = (BANKS + 3) / 4;
    localparam NUMBER_BITS = ADDRESS_BITS > WITHIN ? ADDRESS_BITS - WITHIN : 1;

    reg [WITHIN-1:0]       late_address;
    reg [WIDTH-1:0]        late_data;
    wire [NUMBER_BITS-1:0] read_number, write_number;
    wire [4*GROUPS*WIDTH-1:0] held;
    wire [GROUPS*WIDTH-1:0]   fours;

    generate
        if (ADDRESS_BITS > WITHIN) begin : several
            assign read_number = read_address[ADDRESS_BITS-1:WITHIN];
            assign write_number = write_address[ADDRESS_BITS-1:WITHIN];
        end else begin : alone
            assign read_number = 1'b0;
            assign write_number = 1'b0;
        end
    endgenerate

    always @(posedge clock) begin
        late_address <= write_address[WITHIN-1:0];
        late_data <= write_data;
    end

    genvar bank, place, group;
    generate
        for (bank = 0; bank < BANKS; bank = bank + 1) begin : banks
            localparam LEFT = DEPTH - bank * SIZE;
            localparam FILLED = LEFT >= SIZE ? SIZE : LEFT > 2 ? LEFT : 2;
            // A power of two: of others, block RAMs are put together with logic behind them.
            localparam BITS = $clog2(FILLED);
            localparam HERE = 1 << BITS;

            wire [WIDTH-1:0] read, here;
            reg              asked, answers;    // one and two clocks ago
            reg              writes = 1'b0;     // contents are there before the first reset is

            assign held[bank*WIDTH +: WIDTH] = answers ? here : {WIDTH{1'b0}};

            always @(posedge clock) begin
                writes <= write && write_number == bank[NUMBER_BITS-1:0];
                asked <= read_number == bank[NUMBER_BITS-1:0];
                answers <= asked;
            end

            nmtool_ram_register #(.WIDTH(WIDTH)) behind (.clock(clock), .read(read), .held(here));

            if (SINGLE_PORT != 0) begin : single
                nmtool_ram_single #(
                    .WIDTH(WIDTH), .DEPTH(HERE), .ADDRESS_BITS(BITS)
                ) memory (
                    .clock(clock), .write(writes),
                    .address(writes ? late_address[BITS-1:0] : read_address[BITS-1:0]),
                    .write_data(late_data), .read_data(read));
            end else if (FILES != "") begin : filled
                localparam [7:0] HUNDREDS = 48 + bank / 100;
                localparam [7:0] TENS = 48 + bank / 10 % 10;
                localparam [7:0] ONES = 48 + bank % 10;

                nmtool_ram #(
                    .WIDTH(WIDTH), .DEPTH(HERE), .ADDRESS_BITS(BITS),
                    .FILE({FILES, HUNDREDS, TENS, ONES, ".hex"}), .FILLED(FILLED)
                ) memory (
                    .clock(clock),
                    .write(writes), .write_address(late_address[BITS-1:0]),
                    .write_data(late_data),
                    .read_address(read_address[BITS-1:0]), .read_data(read));
            end else begin : plain
                nmtool_ram #(
                    .WIDTH(WIDTH), .DEPTH(HERE), .ADDRESS_BITS(BITS)
                ) memory (
                    .clock(clock),
                    .write(writes), .write_address(late_address[BITS-1:0]),
                    .write_data(late_data),
                    .read_address(read_address[BITS-1:0]), .read_data(read));
            end
        end

        for (bank = BANKS; bank < 4 * GROUPS; bank = bank + 1) begin : no_banks
            assign held[bank*WIDTH +: WIDTH] = {WIDTH{1'b0}};
        end

        for (group = 0; group < GROUPS; group = group + 1) begin : groups
            wire [WIDTH-1:0] four = held[4*group*WIDTH +: WIDTH]
                | held[(4*group+1)*WIDTH +: WIDTH] | held[(4*group+2)*WIDTH +: WIDTH]
                | held[(4*group+3)*WIDTH +: WIDTH];

            if (FOURS != 0) begin : late
                reg [WIDTH-1:0] four_held;

                always @(posedge clock) four_held <= four;
                assign fours[group*WIDTH +: WIDTH] = four_held;
            end else begin : soon
                assign fours[group*WIDTH +: WIDTH] = four;
            end
        end

        for (place = 0; place < WIDTH; place = place + 1) begin : places
            wire [GROUPS-1:0] every;

            for (group = 0; group < GROUPS; group = group + 1) begin : groups
                assign every[group] = fours[group*WIDTH + place];
            end
            assign read_data[place] = |every;
        end
    endgenerate
endmodule
