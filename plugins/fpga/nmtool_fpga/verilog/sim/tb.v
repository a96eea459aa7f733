// Feeds nmtool_top the words of a file. It records what comes out, or compares it with another
// file. `make check` runs it in Icarus; harness.cpp does the same in Verilator.
//
//     +input=FILE    a word per line in hexadecimal: kind channel; a channel's further spikes in its
//                    upper four bits, if the network has counts
//     +record=FILE   64 bits per word: kind 2, population 13, index 24, value 25; low half first
//     +expect=FILE   spike bins and values in decimal, then a word per line in hexadecimal:
//                    kind population index value
//     +load=FILE     bytes for the loader, one per line in hexadecimal: is it the first, its value
//     +stall=SEED    outputs are not always taken, inputs not always there
//     +limit=CLOCKS  that may pass without a word
module tb;
    parameter DEEP = 0;
    parameter SINGLE_PORT = 0;
    parameter MEM = "mem/";

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

    nmtool_top #(.DEEP(DEEP), .SINGLE_PORT(SINGLE_PORT), .MEM(MEM)) top (
        .clock(clock), .reset(reset),
        .in_valid(in_valid), .in_ready(in_ready), .in_kind(in_kind), .in_channel(in_channel),
        .out_valid(out_valid), .out_ready(out_ready), .out_kind(out_kind),
        .out_population(out_population), .out_index(out_index), .out_value(out_value),
        .answer_valid(answer_valid), .answer(answer), .error(error),
        .load_valid(load_valid), .load_first(load_first), .load_data(load_data));

    always #5 clock = !clock;

    // ------------------------------------------------------------------ files and input

    reg [8*1024-1:0] path;
    integer inputs, recorded, expected, loads, fields, seed, limit;
    integer bins, values, quiet, begun, given, told;
    reg     stalls, records, compares, loading, fed;
    reg [1:0]  kind;
    reg [23:0] channel;
    reg        first;
    reg [7:0]  data;

    task stop(input [8*64-1:0] why);
        begin
            $display("%0s", why);
            $fatal;
        end
    endtask

    initial begin
        {quiet, begun, given, told, fed} = 0;
        if (!$value$plusargs("limit=%d", limit)) limit = 1 << 30;
        stalls = $value$plusargs("stall=%d", seed);
        if (!$value$plusargs("input=%s", path)) stop("no +input=FILE");
        inputs = $fopen(path, "r");
        records = $value$plusargs("record=%s", path);
        recorded = records ? $fopen(path, "wb") : 1;
        compares = $value$plusargs("expect=%s", path);
        expected = compares ? $fopen(path, "r") : 1;
        loading = $value$plusargs("load=%s", path);
        loads = loading ? $fopen(path, "r") : 1;
        if (inputs == 0 || recorded == 0 || expected == 0 || loads == 0)
            stop("a file cannot be opened");
        if (compares) begin
            fields = $fscanf(expected, "%d %d\n", bins, values);
            read_expected;
        end

        repeat (4) @(negedge clock);
        reset = 1'b0;
        while (loading) begin
            loading = $fscanf(loads, "%h %h\n", first, data) == 2;
            load_valid = loading;
            load_first = first;
            load_data = data;
            @(negedge clock);
        end
        while (!fed) begin
            if ($fscanf(inputs, "%h %h\n", kind, channel) != 2) fed = 1'b1;
            else begin
                while (stalls && $random(seed) % 4 == 0) @(negedge clock);
                in_valid = 1'b1;
                in_kind = kind;
                in_channel = channel;
                @(posedge clock);
                while (!in_ready) @(posedge clock);
                @(negedge clock);
                in_valid = 1'b0;
                if (kind == 2'd1) given = given + 1;
                if (kind == 2'd2) begin
                    if (begun != 0) $display("sample");
                    begun = begun + 1;
                end
            end
        end
        while (told != given) @(negedge clock);
        $display("sample");
        if (records) $fclose(recorded);
        if (compares) report;
        $finish;
    end

    always @(negedge clock) out_ready <= !stalls || $random(seed) % 4 != 0;

    // ------------------------------------------------------------------ output

    reg [1:0]  due_kind;
    reg [15:0] due_population;
    reg [23:0] due_index;
    reg [24:0] due_value;
    reg        due;
    integer    wrong_spikes, wrong_values;

    initial {wrong_spikes, wrong_values} = 0;

    task read_expected;
        due = $fscanf(expected, "%h %h %h %h\n", due_kind, due_population, due_index, due_value)
            == 4;
    endtask

    task differs(input is_spike, input [15:0] population, input [23:0] index);
        begin
            if (wrong_spikes == 0 && wrong_values == 0)
                $display("first difference: sample %0d, step %0d of all, population %0d, neuron %0d",
                         begun - 1, told, population, index);
            if (is_spike) wrong_spikes = wrong_spikes + 1;
            else wrong_values = wrong_values + 1;
        end
    endtask

    // Words come neuron by neuron; those of a step end with kind 3. One that is missing or too
    // many is a difference of its own, and the others still meet.
    function is_before(input [1:0] a, input [39:0] a_place, input [1:0] b, input [39:0] b_place);
        is_before = b == 2'd3 ? a != 2'd3
            : a != 2'd3 && (a_place < b_place || (a_place == b_place && order(a) < order(b)));
    endfunction

    function [1:0] order(input [1:0] a);
        order = a == 2'd2 ? 2'd0 : a == 2'd1 ? 2'd1 : 2'd2;
    endfunction

    task compare;
        begin
            while (due && is_before(due_kind, {due_population, due_index},
                                    out_kind, {out_population, out_index})) begin
                differs(due_kind == 2'd0, due_population, due_index);
                read_expected;
            end
            if (!due || is_before(out_kind, {out_population, out_index},
                                  due_kind, {due_population, due_index}))
                differs(out_kind == 2'd0, out_population, out_index);
            else begin
                if (out_value != due_value)
                    differs(out_kind == 2'd0, out_population, out_index);
                read_expected;
            end
        end
    endtask

    task report;
        begin
            while (due) begin
                if (due_kind != 2'd3) differs(due_kind == 2'd0, due_population, due_index);
                read_expected;
            end
            $display("spikes compared %0d, different %0d", bins, wrong_spikes);
            $display("values compared %0d, different %0d", values, wrong_values);
            if (wrong_spikes != 0 || wrong_values != 0) stop("the core and the network differ");
        end
    endtask

    always @(posedge clock) begin
        quiet <= reset || (in_valid && in_ready) ? 0 : quiet + 1;
        if (quiet == limit) stop("no word for as many clocks as no step takes");
        if (error && !reset) stop("a channel that does not exist, or too many of its spikes");
        if (out_valid && out_ready && !reset) begin
            quiet <= 0;
            if (records) begin
                $fwrite(recorded, "%u", {out_index[6:0], out_value});
                $fwrite(recorded, "%u", {out_kind, out_population[12:0], out_index[23:7]});
            end
            if (compares) compare;
            if (out_kind == 2'd3) told = told + 1;
        end
        if (!reset && (out_valid === 1'bx || (out_valid && (^{out_kind, out_population, out_index} === 1'bx
                                                || ^out_value === 1'bx))))
            stop("an output is undefined");
    end
endmodule
