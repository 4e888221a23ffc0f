import Compute
import Files

/// The images that a data set takes from a folder, their classes, and what is to be said about the rest.
struct FolderContents {
  let files: PathTable
  /// Class numbers; nil where there are no classes.
  private(set) var labels: [Int]?
  private(set) var classes: [FilePath] = []
  let leftOut: LeftOutFiles
  /// What somebody should know, a line each.
  private(set) var remarks: [String] = []

  /// - Throws: as `FolderWalk.over`; `DatasetError.noImages`.
  init(_ root: FilePath, _ alsoEndings: [String]) throws {
    let walk = try FolderWalk.over(root, endings: Set(ImageCodec.all.flatMap(\.endings) + alsoEndings))
    leftOut = walk.leftOut
    let total = walk.files.count
    guard total > 0 else { throw DatasetError.noImages(path: root.text, others: leftOut.endings) }
    let loose = (0..<total).count { walk.labels.start[$0] < 0 }
    // A few images beside many folders are strays; as many as there are folders, and the folders are no classes.
    let hasClasses = loose < total && loose < walk.classes.count
    if hasClasses {
      files = loose == 0 ? walk.files : PathTable()
      try takeClasses(walk, leavingOut: loose)
    } else {
      files = walk.files
    }
    try remark(on: walk, loose: loose, root: root.text)
  }

  private mutating func takeClasses(_ walk: FolderWalk, leavingOut loose: Int) throws {
    let total = walk.files.count
    try OutOfMemory.check(for: total - loose, of: Int.self)
    var labels: [Int] = []
    labels.reserveCapacity(total - loose)
    for index in 0..<total {
      let label = walk.labels.start[index]
      if label < 0 {
        try leftOut.append(walk.files[index], .besideClasses)
        continue
      }
      labels.append(label)
      if loose > 0 { try files.append([walk.files.bytes(at: index)]) }
    }
    (self.labels, classes) = (labels, walk.classes)
  }

  private mutating func remark(on walk: FolderWalk, loose: Int, root: String) throws {
    let endings = leftOut.endings
    if !endings.isEmpty {
      remarks.append(
        "'\(root)': files of other formats than \(ImageCodec.namesAndEndings) are left out: \(endings)")
    }
    let linked = leftOut.count(.linked)
    if linked > 0 {
      remarks.append(
        "'\(root)': \(linked) links lead to folders that are counted under another name; they are left out")
    }
    if loose > 0, loose < walk.files.count {
      let names = list(
        (0..<walk.files.count).lazy.filter { walk.labels.start[$0] < 0 }.map { name(walk.files, $0) }, of: loose)
      remarks.append(
        labels == nil
          ? "'\(root)': no labels are known, because \(loose) images lie beside the folders: \(names)"
          : "'\(root)': images beside the class folders are left out: \(names)")
    }
    if let labels {
      let empty = Set(classes.indices).subtracting(labels).sorted()
      if !empty.isEmpty {
        let names = list(empty.map { classes[$0].text }, of: empty.count)
        remarks.append("'\(root)': classes without an image that can be read: \(names)")
      }
    }
  }
}

private func name(_ files: PathTable, _ index: Int) -> String {
  FilePath(bytes: lastName(files.bytes(at: index))).text
}

/// The first few of `count` names.
private func list(_ names: some Sequence<String>, of count: Int) -> String {
  names.prefix(5).joined(separator: ", ") + (count > 5 ? " and \(count - 5) more" : "")
}
