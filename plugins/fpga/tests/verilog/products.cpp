// nmtool_neuron's decay against division: every lower half of a state, of both signs, and every upper
// half, with every decay. State = 4096*high + low, and truncation adds up what both halves give.
#include <cstdint>
#include <cstdio>
#include <deque>

#include "Vnmtool_neuron.h"
#include "verilated.h"

namespace {

constexpr int kUnit = 4096, kLatency = 8;
constexpr std::int64_t kMask24 = (1 << 24) - 1, kMask25 = (1 << 25) - 1;

struct Neuron {
    std::int64_t u, v, keep_u, keep_v;
};

std::int64_t truncated(std::int64_t state, std::int64_t keep) { return state * keep / kUnit; }

class Bench {
public:
    // A neuron goes in, and the one of kLatency clocks before comes out.
    bool clock(const Neuron& neuron) {
        core_.keep_u = neuron.keep_u;
        core_.keep_v = neuron.keep_v;
        core_.state = static_cast<std::uint64_t>((neuron.u & kMask25) << 24 | (neuron.v & kMask24));
        core_.clock = 0;
        core_.eval();
        core_.clock = 1;
        core_.eval();
        on_way_.push_back(neuron);
        if (on_way_.size() <= kLatency) return true;
        on_way_.pop_front();
        return right(on_way_.front());
    }

    long compared() const { return compared_; }

private:
    bool right(const Neuron& neuron) {
        const auto u = truncated(neuron.u, neuron.keep_u);
        const auto v = truncated(neuron.v, neuron.keep_v) + u;
        ++compared_;
        if (core_.done_u == static_cast<std::uint32_t>(u & kMask25)
            && core_.done_v == static_cast<std::uint32_t>(v & kMask24))
            return true;
        std::printf("u %lld keep %lld, v %lld keep %lld: another product\n",
                    static_cast<long long>(neuron.u), static_cast<long long>(neuron.keep_u),
                    static_cast<long long>(neuron.v), static_cast<long long>(neuron.keep_v));
        return false;
    }

    Vnmtool_neuron core_;
    std::deque<Neuron> on_way_;
    long compared_ = 0;
};

}  // namespace

int main() {
    Bench bench;
    for (int keep = 0; keep <= kUnit; ++keep) {
        const int keep_u = keep < kUnit ? keep : kUnit - 1;
        for (int half = 0; half < kUnit; ++half) {
            const int high = half - kUnit / 2;      // from -2^11, of which -M would be
            const bool inside = half > 0;
            if (!bench.clock({half, half - kUnit, keep_u, keep})) return 1;
            if (!bench.clock({half - kUnit, half, keep_u, keep})) return 1;
            // u goes one way and v the other, so that v stays within its limits.
            if (inside && !bench.clock({-high * kUnit, high * kUnit, keep_u, keep})) return 1;
        }
    }
    for (int rest = 0; rest < kLatency; ++rest)
        if (!bench.clock({0, 0, 0, 0})) return 1;
    std::printf("compared %ld\n", bench.compared());
    return 0;
}
