// A serial line: 8 bits, no parity, one stop bit, DIVIDER clocks each. At least 4 of them.
module nmtool_uart #(
    parameter DIVIDER = 12
) (
    input  wire       clock,
    input  wire       reset,
    input  wire       rx,
    output wire       tx,

    output reg        received,        // for one clock
    output reg [7:0]  received_data,

    input  wire       send,
    output wire       send_ready,
    input  wire [7:0] send_data
);
    localparam COUNT_BITS = $clog2(DIVIDER);
    localparam [COUNT_BITS-1:0] LAST = DIVIDER - 1;
    localparam [COUNT_BITS-1:0] MIDDLE = DIVIDER / 2;

    // ------------------------------------------------------------------ receiver

    reg [1:0]            line;         // `rx`, in this clock's time
    reg                  receiving;
    reg [COUNT_BITS-1:0] receive_count;
    reg [3:0]            receive_bit;  // 0 the start bit, 9 the stop bit

    wire sample = receiving && receive_count == MIDDLE;

    always @(posedge clock) begin
        line <= {line[0], rx};
        if (sample && receive_bit != 4'd9) received_data <= {line[1], received_data[7:1]};
        if (reset) begin
            line <= 2'b11;
            receiving <= 1'b0;
            received <= 1'b0;
        end else begin
            received <= sample && receive_bit == 4'd9 && line[1];
            if (!receiving) begin
                receiving <= !line[1];
                receive_count <= 0;
                receive_bit <= 4'd0;
            end else begin
                receive_count <= receive_count == LAST ? 0 : receive_count + 1'b1;
                if (receive_count == LAST) receive_bit <= receive_bit + 4'd1;
                // A start bit that is gone in its middle was none.
                if (sample && (receive_bit == 4'd9 || (receive_bit == 4'd0 && line[1])))
                    receiving <= 1'b0;
            end
        end
    end

    // ------------------------------------------------------------------ transmitter

    reg [8:0]            sending;      // the bits that follow, the next one lowest
    reg [3:0]            left;         // bits to be ended
    reg [COUNT_BITS-1:0] send_count;
    reg                  bit_now;

    assign tx = bit_now;
    assign send_ready = left == 4'd0;

    always @(posedge clock)
        if (reset) begin
            left <= 4'd0;
            bit_now <= 1'b1;
        end else if (send_ready) begin
            if (send) begin
                bit_now <= 1'b0;
                sending <= {1'b1, send_data};
                left <= 4'd10;
            end
            send_count <= 0;
        end else begin
            send_count <= send_count == LAST ? 0 : send_count + 1'b1;
            if (send_count == LAST) begin
                left <= left - 4'd1;
                bit_now <= sending[0];
                sending <= {1'b1, sending[8:1]};
            end
        end
endmodule
