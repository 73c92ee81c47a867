package picture

import (
	"image"
	"image/color"
	"image/draw"
)

// fit returns the image, made smaller in proportion if it does not fit into room.
func fit(m image.Image, room size) image.Image {
	from := m.Bounds()
	width, height := min(from.Dx(), room.width), min(from.Dy(), room.height)
	if width*from.Dy() < height*from.Dx() {
		height = max(from.Dy()*width/from.Dx(), 1)
	} else {
		width = max(from.Dx()*height/from.Dy(), 1)
	}
	source := image.NewRGBA(image.Rect(0, 0, from.Dx(), from.Dy()))
	draw.Draw(source, source.Bounds(), m, from.Min, draw.Src)
	if width == from.Dx() && height == from.Dy() {
		return source
	}
	small := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			small.SetRGBA(x, y, mean(source, image.Rect(
				x*from.Dx()/width, y*from.Dy()/height,
				(x+1)*from.Dx()/width, (y+1)*from.Dy()/height)))
		}
	}
	return small
}

// mean returns the average colour of a part of the image.
func mean(m *image.RGBA, part image.Rectangle) color.RGBA {
	var sum [4]int
	for y := part.Min.Y; y < part.Max.Y; y++ {
		row := m.Pix[m.PixOffset(part.Min.X, y):m.PixOffset(part.Max.X, y)]
		for i, value := range row {
			sum[i%4] += int(value)
		}
	}
	n := max(part.Dx()*part.Dy(), 1)
	return color.RGBA{R: uint8(sum[0] / n), G: uint8(sum[1] / n), B: uint8(sum[2] / n), A: uint8(sum[3] / n)}
}
