// Vector types, half precisions, intrinsics and atomics.
#include <algorithm>
#include <cmath>
#include <cfloat>
#include <climits>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#define EMULATED_VECTORS(T, name)                                                             \
    struct name##1 { T x; };                                                                  \
    struct alignas(2 * sizeof(T)) name##2 { T x, y; };                                        \
    struct name##3 { T x, y, z; };                                                            \
    struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { T x, y, z, w; };        \
    inline name##1 make_##name##1(T x) { return {x}; }                                        \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }                                \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                        \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMULATED_VECTORS(float, float)
EMULATED_VECTORS(double, double)
EMULATED_VECTORS(int, int)
EMULATED_VECTORS(short, short)
EMULATED_VECTORS(char, char)
EMULATED_VECTORS(unsigned char, uchar)
EMULATED_VECTORS(unsigned short, ushort)
EMULATED_VECTORS(long long, longlong)
struct uint1 { unsigned x; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
inline uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

// Mixed arguments, as CUDA has them; equal ones may also be std's.
template <class A, class B> constexpr std::common_type_t<A, B> min(A a, B b) {
    using C = std::common_type_t<A, B>;
    return C(b) < C(a) ? C(b) : C(a);
}
template <class A, class B> constexpr std::common_type_t<A, B> max(A a, B b) {
    using C = std::common_type_t<A, B>;
    return C(a) < C(b) ? C(b) : C(a);
}
inline unsigned umin(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned umax(unsigned a, unsigned b) { return a < b ? b : a; }

#define EMULATED_ALIAS(name, of) \
    inline float name(float x) { return of(x); }
EMULATED_ALIAS(__expf, std::exp)
EMULATED_ALIAS(__logf, std::log)
EMULATED_ALIAS(__log2f, std::log2)
EMULATED_ALIAS(__log10f, std::log10)
EMULATED_ALIAS(__sinf, std::sin)
EMULATED_ALIAS(__cosf, std::cos)
EMULATED_ALIAS(__tanf, std::tan)
EMULATED_ALIAS(__fsqrt_rn, std::sqrt)
inline float __exp10f(float x) { return std::pow(10.0f, x); }
inline float __powf(float a, float b) { return std::pow(a, b); }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline float rsqrt(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __frsqrt_rn(float x) { return 1.0f / std::sqrt(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fdividef(float a, float b) { return a / b; }
inline float fdividef(float a, float b) { return a / b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __saturatef(float x) { return x < 0 || std::isnan(x) ? 0.0f : x > 1 ? 1.0f : x; }
inline float normcdff(float x) { return 0.5f * std::erfc(-x * 0.70710678118654752f); }
inline float rcbrtf(float x) { return 1.0f / std::cbrt(x); }
inline void sincosf_(float x, float* s, float* c) { *s = std::sin(x), *c = std::cos(x); }
#define __sincosf sincosf_

template <class To, class From> To emulated_cast(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}
inline int __float_as_int(float x) { return emulated_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return emulated_cast<unsigned>(x); }
inline float __int_as_float(int x) { return emulated_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return emulated_cast<float>(x); }
inline long long __double_as_longlong(double x) { return emulated_cast<long long>(x); }
inline double __longlong_as_double(long long x) { return emulated_cast<double>(x); }
inline int __float2int_rn(float x) { return int(std::nearbyint(x)); }
inline int __float2int_rd(float x) { return int(std::floor(x)); }
inline int __float2int_ru(float x) { return int(std::ceil(x)); }
inline int __float2int_rz(float x) { return int(x); }
inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(unsigned x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(unsigned long long x) { return x ? __builtin_clzll(x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) {
    unsigned r = 0;
    for (int i = 0; i < 32; i++) r |= (x >> i & 1) << (31 - i);
    return r;
}
inline int __mul24(int a, int b) { return a * b; }
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned(uint64_t(a) * b >> 32); }
inline int __mulhi(int a, int b) { return int(int64_t(a) * b >> 32); }
inline size_t __cvta_generic_to_shared(const void* p) { return reinterpret_cast<size_t>(p); }

template <class T> T __ldg(const T* p) { return *p; }
template <class T> T __ldcg(const T* p) { return *p; }
template <class T> T __ldca(const T* p) { return *p; }
template <class T> T __ldcs(const T* p) { return *p; }
template <class T> T __ldlu(const T* p) { return *p; }
template <class T> T __ldcv(const T* p) { return *p; }
template <class T> void __stcs(T* p, std::common_type_t<T> v) { *p = v; }
template <class T> void __stcg(T* p, std::common_type_t<T> v) { *p = v; }
template <class T> void __stwb(T* p, std::common_type_t<T> v) { *p = v; }
template <class T> void __stwt(T* p, std::common_type_t<T> v) { *p = v; }

inline long long clock64() { static long long at = 0; return at += 100; }
inline unsigned long long __globaltimer() { return clock64(); }

// -- atomics: nobody else is there meanwhile -------------------------------------------------------

#define EMULATED_ATOMIC(name, result)                                                                   \
    template <class T> T name(T* p, std::common_type_t<T> v) { T old = *p; *p = T(result); return old; } \
    template <class T> T name##_block(T* p, std::common_type_t<T> v) { return name(p, v); }              \
    template <class T> T name##_system(T* p, std::common_type_t<T> v) { return name(p, v); }
EMULATED_ATOMIC(atomicAdd, old + v)
EMULATED_ATOMIC(atomicSub, old - v)
EMULATED_ATOMIC(atomicMax, old < v ? v : old)
EMULATED_ATOMIC(atomicMin, v < old ? v : old)
EMULATED_ATOMIC(atomicExch, v)
EMULATED_ATOMIC(atomicAnd, old & v)
EMULATED_ATOMIC(atomicOr, old | v)
EMULATED_ATOMIC(atomicXor, old ^ v)
EMULATED_ATOMIC(atomicInc, old >= v ? 0 : old + 1)
EMULATED_ATOMIC(atomicDec, old == 0 || old > v ? v : old - 1)
template <class T> T atomicCAS(T* p, std::common_type_t<T> expected, std::common_type_t<T> v) {
    T old = *p;
    if (old == expected) *p = v;
    return old;
}
template <class T> void gpuAtomicAdd(T* p, std::common_type_t<T> v) { *p = T(*p + v); }
template <class T> void gpuAtomicAddNoReturn(T* p, std::common_type_t<T> v) { *p = T(*p + v); }

// -- half precisions ---------------------------------------------------------------------------------

using __half = c10::Half;
using half = c10::Half;
using __nv_bfloat16 = c10::BFloat16;
using nv_bfloat16 = c10::BFloat16;
struct alignas(4) __half2 { __half x, y; };
struct alignas(4) __nv_bfloat162 { __nv_bfloat16 x, y; };
using half2 = __half2;
using nv_bfloat162 = __nv_bfloat162;

inline float __half2float(__half x) { return x; }
inline __half __float2half(float x) { return x; }
inline __half __float2half_rn(float x) { return x; }
inline __half __double2half(double x) { return float(x); }
inline __half __int2half_rn(int x) { return float(x); }
inline float __bfloat162float(__nv_bfloat16 x) { return x; }
inline __nv_bfloat16 __float2bfloat16(float x) { return x; }
inline __nv_bfloat16 __float2bfloat16_rn(float x) { return x; }
inline __half __ushort_as_half(unsigned short x) { return emulated_cast<__half>(x); }
inline unsigned short __half_as_ushort(__half x) { return emulated_cast<unsigned short>(x); }

#define EMULATED_HALVES(H, H2)                                                            \
    inline H __hadd(H a, H b) { return float(a) + float(b); }                             \
    inline H __hsub(H a, H b) { return float(a) - float(b); }                             \
    inline H __hmul(H a, H b) { return float(a) * float(b); }                             \
    inline H __hdiv(H a, H b) { return float(a) / float(b); }                             \
    inline H __hneg(H a) { return -float(a); }                                            \
    inline H __habs(H a) { return std::fabs(float(a)); }                                  \
    inline H __hfma(H a, H b, H c) { return std::fma(float(a), float(b), float(c)); }     \
    inline H __hmax(H a, H b) { return std::fmax(float(a), float(b)); }                   \
    inline H __hmin(H a, H b) { return std::fmin(float(a), float(b)); }                   \
    inline bool __hgt(H a, H b) { return float(a) > float(b); }                           \
    inline bool __hge(H a, H b) { return float(a) >= float(b); }                          \
    inline bool __hlt(H a, H b) { return float(a) < float(b); }                           \
    inline bool __hle(H a, H b) { return float(a) <= float(b); }                          \
    inline bool __heq(H a, H b) { return float(a) == float(b); }                          \
    inline H hexp(H a) { return std::exp(float(a)); }                                     \
    inline H hlog(H a) { return std::log(float(a)); }                                     \
    inline H hsqrt(H a) { return std::sqrt(float(a)); }                                   \
    inline H hrsqrt(H a) { return 1.0f / std::sqrt(float(a)); }                           \
    inline H htanh(H a) { return std::tanh(float(a)); }                                   \
    inline H2 __hadd2(H2 a, H2 b) { return {__hadd(a.x, b.x), __hadd(a.y, b.y)}; }        \
    inline H2 __hsub2(H2 a, H2 b) { return {__hsub(a.x, b.x), __hsub(a.y, b.y)}; }        \
    inline H2 __hmul2(H2 a, H2 b) { return {__hmul(a.x, b.x), __hmul(a.y, b.y)}; }        \
    inline H2 __h2div(H2 a, H2 b) { return {__hdiv(a.x, b.x), __hdiv(a.y, b.y)}; }        \
    inline H2 __hmax2(H2 a, H2 b) { return {__hmax(a.x, b.x), __hmax(a.y, b.y)}; }        \
    inline H2 __hmin2(H2 a, H2 b) { return {__hmin(a.x, b.x), __hmin(a.y, b.y)}; }        \
    inline H2 h2exp(H2 a) { return {hexp(a.x), hexp(a.y)}; }                              \
    inline H2 __hfma2(H2 a, H2 b, H2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; } \
    inline H2 operator+(H2 a, H2 b) { return __hadd2(a, b); }                             \
    inline H2 operator-(H2 a, H2 b) { return __hsub2(a, b); }                             \
    inline H2 operator*(H2 a, H2 b) { return __hmul2(a, b); }
EMULATED_HALVES(__half, __half2)
EMULATED_HALVES(__nv_bfloat16, __nv_bfloat162)

inline float __low2float(__half2 a) { return a.x; }
inline float __high2float(__half2 a) { return a.y; }
inline __half __low2half(__half2 a) { return a.x; }
inline __half __high2half(__half2 a) { return a.y; }
inline float2 __half22float2(__half2 a) { return {a.x, a.y}; }
inline __half2 __float22half2_rn(float2 a) { return {a.x, a.y}; }
inline __half2 __floats2half2_rn(float a, float b) { return {a, b}; }
inline __half2 __float2half2_rn(float a) { return {a, a}; }
inline __half2 __half2half2(__half a) { return {a, a}; }
inline __half2 __halves2half2(__half a, __half b) { return {a, b}; }
inline __half2 make_half2(__half a, __half b) { return {a, b}; }
inline float __low2float(__nv_bfloat162 a) { return a.x; }
inline float __high2float(__nv_bfloat162 a) { return a.y; }
inline float2 __bfloat1622float2(__nv_bfloat162 a) { return {a.x, a.y}; }
inline __nv_bfloat162 __float22bfloat162_rn(float2 a) { return {a.x, a.y}; }
inline __nv_bfloat162 __floats2bfloat162_rn(float a, float b) { return {a, b}; }
inline __nv_bfloat162 __float2bfloat162_rn(float a) { return {a, a}; }
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 a) { return {a, a}; }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) { return {a, b}; }
inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 a, __nv_bfloat16 b) { return {a, b}; }
