// An eligibility trace unit with ReckOn-style numbers, as somebody else would write it: followed and judged through
// leaky_trace.toml. Leak 32751 / 2**15, stochastic rounding that holds a floored zero, a spike adds 8, 12 bits saturate.
module leaky_trace (input wire clock, input wire reset_n, input wire tick, input wire pre, input wire [14:0] rnd,
                    output wire [11:0] value);
    reg [11:0] acc;
    wire [27:0] prod = acc * 28'd32751;
    wire [12:0] whole = prod[27:15];
    wire bump = (prod[14:0] >= rnd) & (|whole);
    wire [12:0] decayed = whole + {12'd0, bump};
    wire [13:0] total = decayed + (pre ? 14'd8 : 14'd0);
    always @(posedge clock)
        if (!reset_n) acc <= 12'd0;
        else if (tick) acc <= |total[13:12] ? 12'hfff : total[11:0];
    assign value = acc;
endmodule
