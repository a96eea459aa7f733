$comment
#ifndef NMTOOL_${prefix}_H
#define NMTOOL_${prefix}_H

#include <stdint.h>

$interface

#endif
