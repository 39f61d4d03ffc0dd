// Kernels run by one thread of a processor: block after block, and in a block thread after thread,
// each until it ends or waits for others. Threads that wait keep a stack of their own.
#include <csetjmp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <ucontext.h>
#include <vector>

struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
    constexpr operator uint3() const { return {x, y, z}; }
};

inline uint3 threadIdx, blockIdx;  // not static: whoever is resumed finds others there
inline dim3 blockDim, gridDim;
static constexpr int warpSize = 32;

namespace emulated {

constexpr int MOST_THREADS = 1024, MOST_SHARED = 232448, STACK_BYTES = 128 << 10;
constexpr int INVALID_CONFIGURATION = 9, INVALID_VALUE = 1;

enum class Wait { none, block, warp };

struct Fiber {
    std::unique_ptr<char[]> stack;
    ucontext_t first;
    jmp_buf here;
    bool entered = false, finished = false;
    int thread = 0;
    Wait wait = Wait::none;
    unsigned mask = 0;    // lanes that a warp's operation waits for
    unsigned found = 0;   // lanes that took part in it
    unsigned parity = 0;  // of the slots it writes to: one that is ahead writes to the others
    int vote = 0;         // what the block's vote came to
    int says = 0;
};

struct Slot { alignas(16) unsigned char bytes[16]; };

class Machine {
  public:
    int last_error = 0;
    std::vector<unsigned char> shared = std::vector<unsigned char>(MOST_SHARED + 1024);

    void run(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& body) {
        const uint64_t threads = uint64_t(block.x) * block.y * block.z;
        const uint64_t blocks = uint64_t(grid.x) * grid.y * grid.z;
        const bool fits = block.z <= 64 && grid.y <= 65535 && grid.z <= 65535;
        if (!threads || threads > MOST_THREADS || !blocks || !fits) {
            last_error = INVALID_CONFIGURATION;
            return;
        }
        if (shared_bytes > size_t(MOST_SHARED)) {
            last_error = INVALID_VALUE;
            return;
        }
        gridDim = grid, blockDim = block, body_ = &body, threads_ = int(threads);
        for (unsigned z = 0; z < grid.z; z++)
            for (unsigned y = 0; y < grid.y; y++)
                for (unsigned x = 0; x < grid.x; x++) {
                    blockIdx = {x, y, z};
                    run_block();
                }
    }

    int sync_block(int says = 0) {
        Fiber& self = *current_;
        self.wait = Wait::block, self.says = says;
        leave();
        return self.vote;
    }

    // Everybody's value of a warp: only those that took part are valid.
    const Slot* exchange(unsigned mask, const void* value, size_t size, unsigned& found) {
        Fiber& self = *current_;
        Slot* slots = slots_[self.thread / 32][self.parity ^= 1];
        std::memcpy(slots[self.thread % 32].bytes, value, size);
        self.wait = Wait::warp, self.mask = mask | 1u << self.thread % 32;
        leave();
        found = self.found;
        return slots;
    }

    int lane() const { return current_->thread % 32; }
    unsigned live_lanes() const { return live_[current_->thread / 32]; }

  private:
    void run_block() {
        std::memset(live_, 0, sizeof live_);
        for (int t = 0; t < threads_; t++) live_[t / 32] |= 1u << t % 32;
        waiting_.clear();
        for (int t = 0; t < threads_; t++) {
            if (!spare_) spare_ = fresh();
            Fiber* fiber = spare_;
            fiber->thread = t, fiber->finished = false, fiber->parity = 0;
            resume(*fiber);
            if (!fiber->finished) {
                waiting_.push_back(fiber);
                spare_ = nullptr;
                take_idle();
            }
        }
        while (!waiting_.empty()) {
            release();
            std::vector<Fiber*> round;
            round.swap(waiting_);
            for (Fiber* fiber : round) {
                if (fiber->wait == Wait::none) resume(*fiber);
                if (fiber->finished) idle_.push_back(fiber);
                else waiting_.push_back(fiber);
            }
        }
    }

    void take_idle() {
        if (idle_.empty()) return;
        spare_ = idle_.back();
        idle_.pop_back();
    }

    // Let those go on who have everybody that they wait for.
    void release() {
        bool any = false;
        size_t at_block = 0;
        int all = 1, some = 0, count = 0;
        unsigned arrived[32] = {};
        for (Fiber* fiber : waiting_) {
            if (fiber->wait == Wait::warp) arrived[fiber->thread / 32] |= 1u << fiber->thread % 32;
            if (fiber->wait == Wait::block) {
                at_block++, all &= fiber->says != 0, some |= fiber->says != 0, count += fiber->says != 0;
            }
        }
        for (bool lenient : {false, true}) {
            for (Fiber* fiber : waiting_) {
                const int warp = fiber->thread / 32;
                const unsigned wanted = fiber->mask & live_[warp];
                if (fiber->wait != Wait::warp || (!lenient && (wanted & ~arrived[warp]))) continue;
                fiber->found = arrived[warp] & fiber->mask;
                fiber->wait = Wait::none;
                any = true;
            }
            if (any) return;
            if (at_block < waiting_.size()) continue;  // then those of a warp who are there go on
            for (Fiber* fiber : waiting_) {  // whoever ended is not waited for
                fiber->wait = Wait::none;
                fiber->vote = all | some << 1 | count << 2;
            }
            return;
        }
    }

    Fiber* fresh() {
        fibers_.push_back(std::make_unique<Fiber>());
        Fiber* fiber = fibers_.back().get();
        fiber->stack.reset(new char[STACK_BYTES]);
        return fiber;
    }

    __attribute__((noinline)) void resume(Fiber& fiber) {
        current_ = &fiber;
        const unsigned t = fiber.thread;
        threadIdx = {t % blockDim.x, t / blockDim.x % blockDim.y, t / blockDim.x / blockDim.y};
        if (_setjmp(scheduler_)) return;
        if (fiber.entered) _longjmp(fiber.here, 1);
        fiber.entered = true;
        getcontext(&fiber.first);
        fiber.first.uc_stack.ss_sp = fiber.stack.get();
        fiber.first.uc_stack.ss_size = STACK_BYTES;
        fiber.first.uc_link = nullptr;
        makecontext(&fiber.first, reinterpret_cast<void (*)()>(&Machine::enter), 0);
        setcontext(&fiber.first);
    }

    __attribute__((noinline)) void leave() {
        if (!_setjmp(current_->here)) _longjmp(scheduler_, 1);
    }

    static void enter();

    void live_in_fiber() {
        for (;;) {
            (*body_)();
            current_->finished = true;
            live_[current_->thread / 32] &= ~(1u << current_->thread % 32);
            leave();
        }
    }

    const std::function<void()>* body_ = nullptr;
    int threads_ = 0;
    unsigned live_[32];
    Slot slots_[32][2][32];
    jmp_buf scheduler_;
    Fiber *current_ = nullptr, *spare_ = nullptr;
    std::vector<Fiber*> waiting_, idle_;
    std::vector<std::unique_ptr<Fiber>> fibers_;
};

inline Machine& machine() {
    static Machine one;
    return one;
}

inline void Machine::enter() { machine().live_in_fiber(); }

inline void* dynamic_shared() {
    auto at = reinterpret_cast<uintptr_t>(machine().shared.data());
    return reinterpret_cast<void*>((at + 1023) & ~uintptr_t(1023));
}

// `kernel<<<grid, block, shared bytes, stream>>>(arguments)`.
class Launch {
  public:
    Launch(dim3 grid, dim3 block, size_t shared_bytes = 0, const void* stream = nullptr)
        : grid_(grid), block_(block), shared_bytes_(shared_bytes) {}

    template <class Kernel, class... Arguments>
    void operator()(Kernel&& kernel, Arguments... arguments) const {
        machine().run(grid_, block_, shared_bytes_, [&] { kernel(arguments...); });
    }

  private:
    dim3 grid_, block_;
    size_t shared_bytes_;
};

template <class T>
T shuffled(unsigned mask, T value, int from) {
    static_assert(sizeof(T) <= sizeof(Slot));
    unsigned found;
    const Slot* slots = machine().exchange(mask, &value, sizeof(T), found);
    if (from < 0 || from > 31 || !(found >> from & 1)) return value;
    std::memcpy(&value, slots[from].bytes, sizeof(T));
    return value;
}

template <class T, class F>
T folded(unsigned mask, T value, F f) {
    unsigned found;
    const Slot* slots = machine().exchange(mask, &value, sizeof(T), found);
    bool first = true;
    for (int lane = 0; lane < 32; lane++) {
        if (!(found >> lane & 1)) continue;
        T other;
        std::memcpy(&other, slots[lane].bytes, sizeof(T));
        value = first ? other : f(value, other), first = false;
    }
    return value;
}

}  // namespace emulated

inline void __syncthreads() { emulated::machine().sync_block(); }
inline int __syncthreads_and(int says) { return emulated::machine().sync_block(says) & 1; }
inline int __syncthreads_or(int says) { return emulated::machine().sync_block(says) >> 1 & 1; }
inline int __syncthreads_count(int says) { return emulated::machine().sync_block(says) >> 2; }
inline void __syncwarp(unsigned mask = ~0u) { emulated::shuffled(mask, 0, 0); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
inline void __nanosleep(unsigned) {}
inline unsigned __activemask() { return emulated::machine().live_lanes(); }

template <class T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32) {
    const int lane = emulated::machine().lane();
    return emulated::shuffled(mask, value, lane / width * width + (from & (width - 1)));
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32) {
    const int lane = emulated::machine().lane(), from = lane - int(by);
    return emulated::shuffled(mask, value, from < lane / width * width ? lane : from);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32) {
    const int lane = emulated::machine().lane(), from = lane + int(by);
    return emulated::shuffled(mask, value, from >= (lane / width + 1) * width ? lane : from);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int with, int width = 32) {
    const int lane = emulated::machine().lane(), from = lane ^ with;
    return emulated::shuffled(mask, value, from / width > lane / width ? lane : from);
}
inline unsigned __ballot_sync(unsigned mask, int says) {
    const int lane = emulated::machine().lane();
    return emulated::folded(mask, says ? 1u << lane : 0u, [](unsigned a, unsigned b) { return a | b; });
}
inline int __any_sync(unsigned mask, int says) { return __ballot_sync(mask, says) != 0; }
inline int __all_sync(unsigned mask, int says) { return __ballot_sync(mask, !says) == 0; }
template <class T>
T __reduce_add_sync(unsigned mask, T value) {
    return emulated::folded(mask, value, [](T a, T b) { return T(a + b); });
}
template <class T>
T __reduce_max_sync(unsigned mask, T value) {
    return emulated::folded(mask, value, [](T a, T b) { return a < b ? b : a; });
}
template <class T>
T __reduce_min_sync(unsigned mask, T value) {
    return emulated::folded(mask, value, [](T a, T b) { return b < a ? b : a; });
}
