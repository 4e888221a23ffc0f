import COpenBLAS

/// The OpenBLAS that this process has: "OpenBLAS 0.3.21 … DYNAMIC_ARCH … SkylakeX MAX_THREADS=64".
public var blasLibrary: String { String(cString: openblas_get_config()) }
