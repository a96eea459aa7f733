// Reads nmtool_banks at the addresses of 0 … DEPTH - 1, in order and by chance; synapses.NNN.hex
// are files of its banks. With LOADS it is first filled through its port, to other words.
module banks_bench;
    parameter WIDTH = 7;
    parameter DEPTH = 5;
    parameter ADDRESS_BITS = 3;
    parameter BANK_BITS = 2;
    parameter SINGLE_PORT = 0;
    parameter LOADS = 0;

    localparam LATENCY = 3;

    reg clock = 1'b0;
    always #5 clock = !clock;

    reg [WIDTH-1:0]        words [0:DEPTH-1];
    reg                    load = 1'b0;
    reg [ADDRESS_BITS-1:0] load_address, address, address1, address2, address3;
    reg [WIDTH-1:0]        load_data;
    wire [WIDTH-1:0]       data;
    integer                seed, clocks;

    nmtool_banks #(
        .WIDTH(WIDTH), .DEPTH(DEPTH), .ADDRESS_BITS(ADDRESS_BITS), .BANK_BITS(BANK_BITS),
        .FOURS(1), .SINGLE_PORT(SINGLE_PORT), .FILES("synapses.")
    ) banks (
        .clock(clock), .write(load), .write_address(load_address), .write_data(load_data),
        .read_address(address), .read_data(data));

    initial begin
        seed = 1;
        clocks = 0;
        $readmemh("words.hex", words);
        // What power finds on the way to a bank is not written.
        banks.late_address = 0;
        banks.late_data = ~words[0];
    end

    always @(negedge clock) begin
        clocks = clocks + 1;
        load = LOADS != 0 && clocks <= DEPTH;
        load_address = load ? clocks - 1 : $random(seed);
        load_data = load ? words[clocks - 1] : $random(seed);
        address = clocks < 2 * DEPTH ? clocks % DEPTH : $unsigned($random(seed)) % DEPTH;
    end

    always @(posedge clock) begin
        {address3, address2, address1} <= {address2, address1, address};
        // The first words come while it is still filled.
        if (clocks > DEPTH + LATENCY && data !== words[address3]) begin
            $display("another word at %0d: %h", address3, data);
            $finish;
        end
        if (clocks == 4 * DEPTH + 20) begin
            $display("same in %0d clocks", clocks);
            $finish;
        end
    end
endmodule
