/// What people load in place of the file they mean, told by how it begins: what it is, and what helps.
private let kinds: [(beginning: String, what: String)] = [
  ("version https://git-lfs", "a Git LFS pointer in place of the file: `git lfs pull` fetches it"),
  ("<!doctype html", "a page in HTML, an error of the web server perhaps: download the file again"),
  ("<html", "a page in HTML, an error of the web server perhaps: download the file again"),
  ("<?xml", "a text in XML, an error of the server perhaps: download the file again"),
  ("PK\u{3}\u{4}", "a zip archive: PyTorch's .pth files are some, which the Python face reads"),
  ("\u{1F}\u{8B}", "compressed by gzip: unpack it first"), ("BZh", "compressed by bzip2: unpack it first"),
  ("\u{FD}7zXZ", "compressed by xz: unpack it first"),
  ("\u{28}\u{B5}\u{2F}\u{FD}", "compressed by zstd: unpack it first"),
  ("\u{89}HDF\r\n", "an HDF5 file (Keras)"), ("GGUF", "a GGUF file"), ("\u{93}NUMPY", "a NumPy array (.npy)"),
  ("\u{89}PNG", "a picture (PNG)"), ("\u{FF}\u{D8}\u{FF}", "a picture (JPEG)"), ("%PDF", "a PDF document"),
  ("\u{80}\u{2}", "a pickle, such as PyTorch wrote before version 1.6"),
]

/// What a file is that is not what was wanted; nil where its beginning does not tell.
///
/// - Parameter beginning: some of its first bytes; 64 are enough.
public func fileKind(_ beginning: [UInt8]) -> String? {
  if beginning.isEmpty { return "empty" }
  let text = beginning.drop { [0x20, 0x09, 0x0A, 0x0D].contains($0) }.map(lowercased)
  return kinds.first { kind in
    text.starts(with: kind.beginning.unicodeScalars.map { lowercased(UInt8(truncatingIfNeeded: $0.value)) })
  }?.what
}

private func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte + 0x20 : byte }
