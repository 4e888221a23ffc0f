/// - Throws: `DatasetError.labels` where labels are not one an image or not among the classes.
func checkLabels(_ labels: [Int], images: Int, _ classNames: [String]) throws {
  guard labels.count == images else {
    throw DatasetError.labels("there are \(labels.count) labels for \(images) images, wanted one for each")
  }
  if let index = labels.firstIndex(where: { $0 < 0 || (!classNames.isEmpty && $0 >= classNames.count) }) {
    let wanted = classNames.isEmpty ? "at least 0" : "in 0 ..< \(classNames.count), the number of class names"
    throw DatasetError.labels("image \(index) has label \(labels[index]), wanted a label \(wanted)")
  }
}
