/* loops.h in float, then in double, at the LEVEL that simd.h set. */
#define REAL float
#define REAL_IS_DOUBLE 0
#include "vecmath.h"
#include "loops.h"
#undef REAL
#undef REAL_IS_DOUBLE
#define REAL double
#define REAL_IS_DOUBLE 1
#include "vecmath.h"
#include "loops.h"
#undef REAL
#undef REAL_IS_DOUBLE
