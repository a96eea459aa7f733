// Sends bytes of bytes.hex (whether it is a first one, its value) to nmtool_loader, with pauses;
// the words of loaded.hex (memory, address, data) have to come out, each once.
module loader_bench;
    parameter LOAD_BITS = 8;
    parameter LOAD_ADDRESS_BITS = 4;
    parameter BYTES = 1;
    parameter LOADED = 1;
    parameter SEED = 1;

    localparam WIDTH = 3 + LOAD_ADDRESS_BITS + LOAD_BITS;

    reg clock = 1'b0, reset = 1'b1;
    always #5 clock = !clock;

    reg [8:0]       bytes [0:BYTES-1];
    reg [WIDTH-1:0] loaded [0:LOADED-1];
    reg             valid = 1'b0, first = 1'b0;
    reg [7:0]       data = 8'd0;
    integer         seed, clocks, sent, had, quiet;

    wire                         load_valid;
    wire [2:0]                   load_memory;
    wire [LOAD_ADDRESS_BITS-1:0] load_address;
    wire [LOAD_BITS-1:0]         load_data;

    nmtool_loader #(.LOAD_BITS(LOAD_BITS), .LOAD_ADDRESS_BITS(LOAD_ADDRESS_BITS)) loader (
        .clock(clock), .reset(reset), .valid(valid), .first(first), .data(data),
        .load_valid(load_valid), .load_memory(load_memory), .load_address(load_address),
        .load_data(load_data));

    initial begin
        seed = SEED;
        {clocks, sent, had, quiet} = 0;
        $readmemh("bytes.hex", bytes);
        $readmemh("loaded.hex", loaded);
    end

    // It is reset after a few bytes, and what it was sent comes again.
    always @(negedge clock) begin
        clocks = clocks + 1;
        reset = clocks < 3 || clocks == 12;
        if (reset) {sent, had} = 0;
        valid = !reset && sent < BYTES && (clocks < 12 || $random(seed) % 3 == 0
            || $unsigned(clocks) % 64 < 32);
        {first, data} = valid ? bytes[sent] : $random(seed);
    end

    always @(posedge clock) if (!reset) begin
        if (load_valid === 1'bx) begin
            $display("undefined at clock %0d", clocks);
            $finish;
        end
        if (load_valid) begin
            if (had == LOADED || {load_memory, load_address, load_data} !== loaded[had]) begin
                $display("another word %0d: %h", had, {load_memory, load_address, load_data});
                $finish;
            end
            had = had + 1;
        end
        if (valid) sent = sent + 1;
        if (sent == BYTES) quiet = quiet + 1;
        if (quiet == 8) begin
            if (had == LOADED) $display("same in %0d clocks", clocks);
            else $display("%0d words too few", LOADED - had);
            $finish;
        end
    end
endmodule
