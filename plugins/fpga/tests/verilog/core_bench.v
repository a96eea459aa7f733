// Runs nmtool_top through one case of tests/verilog/cases.py and stops at the first difference.
//
// Files of the case: words.hex goes in, told.hex has to come out, answers.hex are the classes, and
// load.hex is for the loader. It looks at every clock for what a receiver may rely on: no undefined
// bit, words that stay until they are taken, and an error where there is one, not before.
module core_bench;
    parameter WORDS = 1;
    parameter TOLD = 1;
    parameter ANSWERS = 0;
    parameter LOADS = 0;
    parameter WARM = 0;        // clocks of a run that a reset stops, before the one that counts
    parameter STALL = 0;       // 0 none, 1 now and then, 2 for long, 3 nothing taken at first,
                               // 4 the last spike of a step comes late, its end right behind it
    parameter SEED = 1;
    parameter LIMIT = 1000000;
    parameter DEEP = 0;
    parameter SINGLE_PORT = 0;
    parameter BANK_BITS = 13;

    localparam IDLE_AFTER = 200, BLOCKED = 3000, LATE = 300;
    localparam [1:0] END = 2'd3, IN_SPIKE = 2'd0, IN_END = 2'd1;

    reg         clock = 1'b0;
    reg         reset = 1'b1;
    reg         in_valid = 1'b0;
    wire        in_ready;
    reg [1:0]   in_kind = 2'd0;
    reg [23:0]  in_channel = 24'd0;
    wire        out_valid;
    reg         out_ready = 1'b0;
    wire [1:0]  out_kind;
    wire [15:0] out_population;
    wire [23:0] out_index;
    wire [24:0] out_value;
    wire        answer_valid;
    wire [23:0] answer;
    wire        error;
    reg         load_valid = 1'b0;
    reg         load_first = 1'b0;
    reg [7:0]   load_data = 8'd0;

    nmtool_top #(.DEEP(DEEP), .SINGLE_PORT(SINGLE_PORT), .BANK_BITS(BANK_BITS)) top (
        .clock(clock), .reset(reset),
        .in_valid(in_valid), .in_ready(in_ready), .in_kind(in_kind), .in_channel(in_channel),
        .out_valid(out_valid), .out_ready(out_ready), .out_kind(out_kind),
        .out_population(out_population), .out_index(out_index), .out_value(out_value),
        .answer_valid(answer_valid), .answer(answer), .error(error),
        .load_valid(load_valid), .load_first(load_first), .load_data(load_data));

    always #5 clock = !clock;

    // A word in: is its channel missing, kind, channel. A word out: is there an error by now, kind,
    // population, index, value.
    reg [26:0] words [0:WORDS-1];
    reg [67:0] told [0:TOLD-1];
    reg [23:0] answers [0:ANSWERS];
    reg [8:0]  loads [0:LOADS];

    integer seed, clocks, given, had, ends, answered, loaded, quiet, last_clock;
    integer stalled, starved, paused, since;
    reg     counts, wrong_given, was_waiting, offered;
    reg [67:0] waiting, due;

    wire [67:0] word = {error, out_kind, out_kind == END ? 40'd0 : {out_population, out_index},
                        out_value};

    task stop(input [8*32-1:0] why);
        begin
            if (counts) $display("%0s at clock %0d, word %0d", why, clocks, had);
            if (counts) $finish;
        end
    endtask

    function integer chance(input integer one_in);
        chance = $unsigned($random(seed)) % one_in == 0;
    endfunction

    task restart;
        begin
            {clocks, given, had, ends, answered, loaded, quiet} = 0;
            {stalled, starved, paused, since} = 0;
            {wrong_given, was_waiting, offered} = 0;
            {in_valid, load_valid, out_ready} = 0;
        end
    endtask

    initial begin
        seed = SEED;
        counts = 1'b0;
        restart;
        // What power finds in the loader is not loaded.
        top.loader.load_valid = 1'b1;
        top.loader.load_memory = SEED % 5;
        top.loader.load_address = 0;
        top.loader.word = 0;
        top.core.loaded_address = 0;
        top.core.loaded_data = 0;
        $readmemh("words.hex", words);
        $readmemh("told.hex", told);
        if (ANSWERS > 0) $readmemh("answers.hex", answers, 0, ANSWERS - 1);
        if (LOADS > 0) $readmemh("load.hex", loads, 0, LOADS - 1);
        repeat (2) @(negedge clock);
        reset = 1'b0;
        if (WARM > 0) begin
            repeat (WARM) @(negedge clock);
            reset = 1'b1;
            @(negedge clock);
            restart;
            reset = 1'b0;
        end
        counts = 1'b1;
    end

    // Between two rising edges: what goes in.
    always @(negedge clock) if (!reset) begin
        if (stalled != 0) stalled = stalled - 1;
        else if (STALL == 2 && chance(40)) stalled = $unsigned($random(seed)) % 300;
        out_ready <= stalled == 0 && (STALL == 1 || STALL == 2 ? !chance(4)
                                                               : STALL != 3 || clocks > BLOCKED);

        // There is a pause before the first byte of a memory.
        load_valid = loaded < LOADS && (STALL == 0 || (!chance(4) && (paused == 5
                                                                     || !loads[loaded][8])));
        paused = load_valid || loaded == LOADS ? 0 : paused < 5 ? paused + 1 : 5;
        {load_first, load_data} = load_valid ? loads[loaded] : $random(seed);

        if (starved != 0) starved = starved - 1;
        else if (STALL == 2 && chance(20)) starved = $unsigned($random(seed)) % 100;
        since = since + 1;
        if (STALL == 4 && !offered && given + 1 < WORDS && words[given][25:24] == IN_SPIKE
            && words[given+1][25:24] == IN_END && since < LATE) starved = 1;
        // A word that is offered stays; what is not offered may be anything.
        in_valid = loaded == LOADS && !load_valid && given < WORDS
            && (offered || (starved == 0 && ((STALL != 1 && STALL != 2) || !chance(4))));
        {in_kind, in_channel} = in_valid ? words[given][25:0] : $random(seed);
    end

    // What comes out.
    always @(posedge clock) if (!reset) begin
        clocks <= clocks + 1;
        if (load_valid) loaded = loaded + 1;
        if (^{in_ready, out_valid, answer_valid, error} === 1'bx) stop("undefined");
        if (in_valid && in_ready) begin
            if (words[given][26]) wrong_given <= 1'b1;
            given = given + 1;
            since = 0;
        end
        offered = in_valid && !in_ready;
        if (error && !wrong_given) stop("an error too soon");
        if (was_waiting && (!out_valid || word[66:0] !== waiting[66:0])) stop("a word that went");
        was_waiting <= out_valid && !out_ready;
        waiting <= word;
        if (out_valid && ^word === 1'bx) stop("an undefined word");
        if (out_valid && out_ready) begin
            due = told[had];
            if (had == TOLD) stop("one word too many");
            else if (word[66:0] !== due[66:0]) stop("another word");
            else if (due[67] && !error) stop("no error");
            had = had + 1;
        end
        if (answer_valid) begin
            if (answered == ANSWERS) stop("one answer too many");
            else if (answer !== answers[answered]) stop("another answer");
            else if (ends != answered + 1) stop("an answer out of place");
            answered = answered + 1;
        end
        if (out_valid && out_ready && out_kind == END) ends = ends + 1;
        if (clocks == LIMIT) stop("a hang");
        if (had == TOLD && given == WORDS && counts) begin
            if (quiet == 0) last_clock = clocks;
            quiet = quiet + 1;
            if (quiet == IDLE_AFTER) begin
                if (answered != ANSWERS) stop("an answer too few");
                else begin
                    $display("same in %0d clocks", last_clock);
                    $finish;
                end
            end
        end
    end
endmodule
