// Pushes numbers into nmtool_fifo and takes them, each now and then by chance; FILL % of all clocks
// push. Never more than it holds. What comes out are the numbers in their order; `level` is exact.
module fifo_bench;
    parameter WIDTH = 9;
    parameter ADDRESS_BITS = 2;
    parameter SEED = 1;

    localparam CLOCKS = 2000;
    localparam DEPTH = 1 << ADDRESS_BITS;

    reg clock = 1'b0, reset = 1'b1;
    always #5 clock = !clock;

    reg                  push = 1'b0, take = 1'b0;
    reg [WIDTH-1:0]      number;
    wire                 valid;
    wire [WIDTH-1:0]     data;
    wire [ADDRESS_BITS:0] level;
    integer              seed, clocks, pushed, taken, fill, most;

    nmtool_fifo #(.WIDTH(WIDTH), .ADDRESS_BITS(ADDRESS_BITS)) fifo (
        .clock(clock), .reset(reset), .push(push), .push_data(number), .valid(valid), .take(take),
        .data(data), .level(level));

    task stop(input [8*32-1:0] why);
        begin
            $display("%0s at clock %0d", why, clocks);
            $finish;
        end
    endtask

    initial begin
        seed = SEED;
        {clocks, pushed, taken, fill, most} = 0;
    end

    always @(negedge clock) begin
        clocks = clocks + 1;
        // It is reset at first, and once while there are words in it.
        reset = clocks < 3 || clocks == 777;
        if (reset) {pushed, taken} = 0;
        if (clocks % 50 == 0) fill = $unsigned($random(seed)) % 101;
        push = !reset && pushed - taken < DEPTH && $unsigned($random(seed)) % 100 < fill;
        number = push ? pushed * 37 : {WIDTH{1'bx}};
        take = !reset && valid === 1'b1 && $unsigned($random(seed)) % 100 < 100 - fill;
    end

    reg [WIDTH-1:0] due;
    integer         hidden;       // clocks in which there is a word that cannot be taken yet

    always @(posedge clock) if (!reset) begin
        due = taken * 37;
        hidden = pushed > taken && !valid ? hidden + 1 : 0;
        if (^{valid, level} === 1'bx) stop("undefined");
        else if (level !== pushed - taken) stop("another level");
        else if (valid && data !== due) stop("another word");
        else if (valid && pushed == taken) stop("a word of nothing");
        else if (hidden > 3) stop("a word that does not come");
        if (level > most) most = level;
        if (push) pushed = pushed + 1;
        if (take) taken = taken + 1;
        if (clocks == CLOCKS) begin
            if (most == DEPTH) $display("same in %0d clocks", clocks);
            else $display("never full");
            $finish;
        end
    end else hidden = 0;
endmodule
