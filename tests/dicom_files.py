"""Made-up DICOM files, as tests of the readers want them."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

REGION = {
    "RegionSpatialFormat": 1,
    "RegionDataType": 1,
    "RegionLocationMinX0": 2,
    "RegionLocationMinY0": 1,
    "RegionLocationMaxX1": 157,
    "RegionLocationMaxY1": 118,
    "PhysicalUnitsXDirection": 3,
    "PhysicalUnitsYDirection": 3,
    "PhysicalDeltaX": 0.05,
    "PhysicalDeltaY": 0.05,
}


def write_dicom(path, frames, region=REGION, *others, **changes):
    """Write an uncompressed ultrasound cine with one region and others; changes replace elements,
    None deletes them.
    """
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UltrasoundMultiFrameImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = "1.2.3"
    ds.PatientName, ds.Manufacturer, ds.FrameTime = "Doe^Jane", "Maker", "20"
    ds.NumberOfFrames, ds.Rows, ds.Columns = frames.shape[:3]
    ds.SamplesPerPixel = 1 if frames.ndim == 3 else 3
    ds.PhotometricInterpretation = "MONOCHROME2" if frames.ndim == 3 else "RGB"
    if frames.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = frames.tobytes()
    ds.SequenceOfUltrasoundRegions = Sequence()
    for one in (region, *others):
        item = Dataset()
        for name, value in one.items():
            setattr(item, name, value)
        ds.SequenceOfUltrasoundRegions.append(item)
    for name, value in changes.items():
        delattr(ds, name) if value is None else setattr(ds, name, value)
    ds.save_as(path, enforce_file_format=True)
    return path
