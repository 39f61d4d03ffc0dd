#include <mma.h>
using namespace nvcuda;

__global__ void wmma_half(const float* a, const float* b, float* c) {
    __shared__ half tile[2][256];
    for (int i = threadIdx.x; i < 256; i += 32) {
        tile[0][i] = __float2half(a[i]);
        tile[1][i] = __float2half(b[i]);
    }
    __syncthreads();
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> x;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::row_major> y;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> z;
    wmma::fill_fragment(z, 0.0f);
    wmma::load_matrix_sync(x, tile[0], 16);
    wmma::load_matrix_sync(y, tile[1], 16);
    wmma::mma_sync(z, x, y, z);
    wmma::store_matrix_sync(c, z, 16, wmma::mem_row_major);
}
