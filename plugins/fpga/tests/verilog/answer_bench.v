// Shows nmtool_answer words of words.hex (does a sample begin, kind, population, index, value), as
// fast as it takes them and with pauses; the classes of answers.hex have to come out.
module answer_bench;
    parameter RULE = 0;
    parameter POPULATION = 0;
    parameter CLASS_BITS = 1;
    parameter SCORE_BITS = 24;
    parameter STEPS = 2;
    parameter STEP_BITS = 1;
    parameter WINDOW = 1;
    parameter WINDOW_BITS = 1;
    parameter WORDS = 1;
    parameter ANSWERS = 1;
    parameter SEED = 1;

    localparam [1:0] END = 2'd3;
    localparam FIRST_SPIKE = 4, LATENCY = 5, QUIET = 12;

    reg clock = 1'b0, reset = 1'b1;
    always #5 clock = !clock;

    reg [67:0] words [0:WORDS-1];
    reg [23:0] answers [0:ANSWERS-1];
    reg        begins = 1'b0, offers = 1'b0, waits;
    reg [66:0] word;
    integer    seed, clocks, sent, had, ends, quiet, begun;

    wire       ready, answer_valid;
    wire [23:0] answer;

    nmtool_answer #(
        .RULE(RULE), .POPULATION(POPULATION), .CLASS_BITS(CLASS_BITS), .SCORE_BITS(SCORE_BITS),
        .STEPS(STEPS), .STEP_BITS(STEP_BITS), .WINDOW(WINDOW), .WINDOW_BITS(WINDOW_BITS)
    ) answers_block (
        .clock(clock), .reset(reset), .begins(begins), .told(offers && ready), .kind(word[66:65]),
        .population(word[64:49]), .index(word[48:25]), .value(word[24:0]), .ready(ready),
        .answer_valid(answer_valid), .answer(answer));

    task stop(input [8*32-1:0] why);
        begin
            $display("%0s at clock %0d, answer %0d", why, clocks, had);
            $finish;
        end
    endtask

    initial begin
        seed = SEED;
        {clocks, sent, had, ends, quiet, begun} = 0;
        waits = 1'b0;
        $readmemh("words.hex", words);
        $readmemh("answers.hex", answers);
    end

    // A sample begins for a clock of its own; its first word comes later, as the core clears its
    // memories before. In the middle of the first sample there are resets, the first of them when a
    // step that ended just before would be answered.
    always @(negedge clock) begin
        clocks = clocks + 1;
        reset = clocks < 3 || clocks == 99 || clocks == 199 || clocks == 200;
        if (reset) {sent, had, ends, waits} = 0;
        begins = 1'b0;
        if (!waits) begin
            if (begun != 0) begun = begun - 1;
            offers = !reset && begun == 0 && sent < WORDS && (sent % 40 < 20 || $random(seed) % 3 == 0);
            word = words[sent];
            if (reset || (RULE != FIRST_SPIKE && clocks > 99 - QUIET && clocks < 99)) begin
                // A step that ends in a reset is not answered.
                offers = clocks == 99 - LATENCY || (reset && clocks > 3);
                word = {END, 65'd0};
            end else if (!offers) word = $random(seed);
            else if (words[sent][67]) begin
                begins = 1'b1;
                begun = 8;
                offers = 1'b0;
                sent = sent + 1;
            end
        end
    end

    always @(posedge clock) if (!reset) begin
        if (^{ready, answer_valid} === 1'bx) stop("undefined");
        if (answer_valid) begin
            if (had == ANSWERS) stop("one answer too many");
            else if (answer !== answers[had]) stop("another answer");
            else if (ends != had + 1) stop("an answer out of place");
            had = had + 1;
        end
        waits = offers && !ready;
        if (offers && ready) begin
            sent = sent + 1;
            if (word[66:65] == END) ends = ends + 1;
        end
        if (sent == WORDS) quiet = quiet + 1;
        if (quiet == 20) begin
            if (had == ANSWERS) $display("same in %0d clocks", clocks);
            else stop("an answer too few");
            $finish;
        end
        if (clocks == 100000) stop("a hang");
    end
endmodule
