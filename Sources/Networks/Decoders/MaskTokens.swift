import Tensors

/// The token [1, 1, D] at every place of `places` [B, T, D].
func repeated(_ token: Tensor, like places: Tensor) throws -> Tensor {
  let (images, count, width) = (places.shape[0], places.shape[1], places.shape[2])
  return try gatherRows(
    token.reshaped([1, width]), indices: [Int32](repeating: 0, count: images * count), images: images)
}
