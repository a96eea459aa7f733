// The class, after every step: that of the largest score, the lowest of equals.
//
//     RULE 0 mean          the sum of v                       1 weighted  of v * importance[step]
//          2 max           the largest v                      3 window    of v of the last WINDOW steps
//          4 first_spike   the first that spikes, 0 as long as all are silent
//
// It follows the words that leave the core; a sample begins with `begins`. Classes of a step come
// in their order, so that the best of them is found on the way. Words wait for a clock behind each
// class, so that the best so far is known where the next is compared, and while a step ends, so that
// no score is read before it is written. A sample may begin as soon as the last word has left, and
// goes through the same stages behind it.
//
// Stages: 1 the word    2 score, importance and the v that falls out of the window are read
//         3 both held   4 the new score    5 written, compared   6 the best
module nmtool_answer #(
    parameter RULE = 0,
    parameter POPULATION = 0,
    parameter CLASS_BITS = 1,
    parameter SCORE_BITS = 24,
    parameter STEPS = 2,               // of a sample, for `weighted`
    parameter STEP_BITS = 1,
    parameter WINDOW = 1,
    parameter WINDOW_BITS = 1,
    parameter MEM = "mem/"
) (
    input  wire        clock,
    input  wire        reset,
    input  wire        begins,

    input  wire        told,           // a word leaves
    input  wire [1:0]  kind,
    input  wire [15:0] population,
    input  wire [23:0] index,
    input  wire [24:0] value,
    output wire        ready,

    output reg         answer_valid,   // for one clock, after a step
    output reg [23:0]  answer
);
    localparam WEIGHTED = 1, MAX = 2, RECENT = 3, FIRST_SPIKE = 4;
    localparam PAUSE = 5;
    localparam [1:0] SPIKE = 2'd0, MEMBRANE = 2'd1, END = 2'd3;

    reg [2:0] pause;

    wire mine = told && population == POPULATION[15:0];
    wire ends = told && kind == END;

    assign ready = pause == 0;

    always @(posedge clock)
        if (reset) pause <= 3'd0;
        else if (ends) pause <= PAUSE[2:0];
        else if (RULE != FIRST_SPIKE && mine && kind == MEMBRANE) pause <= 3'd1;
        else if (pause != 0) pause <= pause - 3'd1;

    generate
        if (RULE == FIRST_SPIKE) begin : spikes
            reg found;

            always @(posedge clock) begin
                answer_valid <= ends && !reset;
                if (reset || begins) begin
                    found <= 1'b0;
                    answer <= 24'd0;
                end else if (mine && kind == SPIKE && !found) begin
                    found <= 1'b1;
                    answer <= index;
                end
            end

            wire unused = &{1'b0, value};
        end else begin : membranes
            reg [5:1]            here, ending;
            reg [4:1]            beginning;
            reg [CLASS_BITS-1:0] class1, class2, class3, class4, class5;
            reg signed [23:0]    v1, v2, v3;
            reg                  fresh;            // the first step of a sample

            wire [SCORE_BITS-1:0]        kept;
            reg signed [SCORE_BITS-1:0]  kept3, score4, score5, best;
            wire signed [SCORE_BITS-1:0] term3;    // what a step adds
            reg [CLASS_BITS-1:0]         best_class;

            // score4 > best, both halves at once: a carry through all bits would take twice as long.
            localparam HALF = SCORE_BITS / 2;

            reg high_more, high_same, low_more;

            wire [SCORE_BITS-1:0] v_wide = {{(SCORE_BITS-24){v3[23]}}, v3};

            always @(posedge clock) begin
                v1 <= value[23:0];
                v2 <= v1;
                v3 <= v2;
                class1 <= index[CLASS_BITS-1:0];
                class2 <= class1;
                class3 <= class2;
                class4 <= class3;
                class5 <= class4;
                kept3 <= kept;
                if (RULE == MAX) score4 <= fresh || $signed(v_wide) > kept3 ? v_wide : kept3;
                else score4 <= (fresh ? {SCORE_BITS{1'b0}} : kept3) + term3;

                score5 <= score4;
                high_more <= $signed(score4[SCORE_BITS-1:HALF]) > $signed(best[SCORE_BITS-1:HALF]);
                high_same <= score4[SCORE_BITS-1:HALF] == best[SCORE_BITS-1:HALF];
                low_more <= score4[HALF-1:0] > best[HALF-1:0];
                if (here[5] && (class5 == 0 || high_more || (high_same && low_more))) begin
                    best <= score5;
                    best_class <= class5;
                end
                answer_valid <= ending[5] && !reset;
                answer <= {{(24-CLASS_BITS){1'b0}}, best_class};
                if (beginning[4]) fresh <= 1'b1;
                else if (ending[4]) fresh <= 1'b0;
                if (reset) begin
                    here <= 5'd0;
                    ending <= 5'd0;
                    beginning <= 4'd0;
                    fresh <= 1'b1;
                end else begin
                    here <= {here[4:1], mine && kind == MEMBRANE};
                    ending <= {ending[4:1], ends};
                    beginning <= {beginning[3:1], begins};
                end
            end

            nmtool_ram #(
                .WIDTH(SCORE_BITS), .DEPTH(1 << CLASS_BITS), .ADDRESS_BITS(CLASS_BITS)
            ) scores (
                .clock(clock),
                .write(here[4]), .write_address(class4), .write_data(score4),
                .read_address(class1), .read_data(kept));

            if (RULE == WEIGHTED) begin : weighted
                reg [STEP_BITS-1:0]         step;
                reg                         over;  // the sample is longer than its weights
                wire [15:0]                 read;
                reg signed [16:0]           importance;
                reg signed [28:0]           high2, low2;   // v = 4096*high + low
                reg signed [SCORE_BITS-1:0] product3;

                wire signed [12:0] v_high = {v1[23], v1[23:12]};
                wire signed [12:0] v_low = {1'b0, v1[11:0]};

                assign term3 = product3;

                always @(posedge clock) begin
                    importance <= over ? 17'd0 : {1'b0, read};
                    high2 <= $signed({{16{v_high[12]}}, v_high}) * $signed({12'd0, importance});
                    low2 <= $signed({16'd0, v_low}) * $signed({12'd0, importance});
                    product3 <= {{(SCORE_BITS-41){high2[28]}}, high2, 12'd0}
                        + {{(SCORE_BITS-29){1'b0}}, low2};
                    if (reset || beginning[4]) begin
                        step <= 0;
                        over <= 1'b0;
                    end else if (ending[4]) begin
                        step <= step + 1'b1;
                        if (step == STEPS[STEP_BITS-1:0] - 1'b1) over <= 1'b1;
                    end
                end

                nmtool_ram #(
                    .WIDTH(16), .DEPTH(STEPS), .ADDRESS_BITS(STEP_BITS),
                    .FILE({MEM, "importance.hex"})
                ) importances (
                    .clock(clock), .write(1'b0), .write_address({STEP_BITS{1'b0}}),
                    .write_data(16'd0), .read_address(step), .read_data(read));
            end else if (RULE == RECENT) begin : recent
                localparam PLACES = WINDOW > 1 ? WINDOW : 2;
                localparam PLACE_BITS = WINDOW_BITS + CLASS_BITS;

                reg [WINDOW_BITS-1:0]        place;
                reg                          full;
                wire [23:0]                  oldest;
                reg signed [SCORE_BITS-1:0]  change3;
                wire [SCORE_BITS-1:0]        v_now = {{(SCORE_BITS-24){v2[23]}}, v2};
                wire [SCORE_BITS-1:0]        v_then = {{(SCORE_BITS-24){oldest[23]}}, oldest};

                assign term3 = change3;

                always @(posedge clock) begin
                    change3 <= full ? v_now - v_then : v_now;
                    if (reset || beginning[4]) begin
                        place <= 0;
                        full <= 1'b0;
                    end else if (ending[4]) begin
                        place <= place + 1'b1;
                        if (place == WINDOW[WINDOW_BITS-1:0] - 1'b1) begin
                            place <= 0;
                            full <= 1'b1;
                        end
                    end
                end

                nmtool_ram #(
                    .WIDTH(24), .DEPTH(PLACES << CLASS_BITS), .ADDRESS_BITS(PLACE_BITS)
                ) history (
                    .clock(clock),
                    .write(here[2]), .write_address({place, class2}), .write_data(v2),
                    .read_address({place, class1}), .read_data(oldest));
            end else begin : plain
                assign term3 = v_wide;
            end

            wire unused = &{1'b0, value[24], index};
        end
    endgenerate

    wire unused_names = &{1'b0, SPIKE, MEMBRANE};
endmodule
