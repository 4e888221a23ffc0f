// The header is the content of this module; a target needs a source.
#include "latentmim.h"
