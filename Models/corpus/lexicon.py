# SPDX-License-Identifier: Apache-2.0
"""Words by category. A word stands in one category only; a category's name is what its words are called."""

TABLE = """
animal: dog cat horse cow pig sheep goat donkey rabbit fox
bird: owl duck hen crow robin swan eagle goose sparrow parrot
fish: trout salmon shark eel cod herring carp tuna
insect: bee ant fly wasp moth beetle cricket butterfly
wild beast: lion tiger bear wolf elephant monkey giraffe zebra
small creature: mouse frog snail worm toad lizard hedgehog squirrel
fruit: apple pear plum grape cherry lemon peach banana
vegetable: carrot potato onion cabbage pea bean turnip pumpkin
tree: oak pine elm birch willow maple fir ash
flower: rose daisy tulip lily violet poppy iris pansy
meat: ham bacon beef sausage pork steak mutton veal
drink: tea milk coffee juice water cider cocoa lemonade
sweet: cake candy sugar honey jam toffee pudding fudge
meal: breakfast lunch dinner supper picnic feast snack banquet
grain: wheat rice oats corn barley rye millet hay
colour: red blue green yellow purple pink brown grey
number: one two three four five six seven eight nine ten
day: monday tuesday wednesday thursday friday saturday sunday
month: january february june july august october november december
season: spring summer autumn winter
shape: circle square triangle star cross ring oval cube
size: big small tiny huge tall short wide thin
taste: bitter sour salty spicy fresh stale tasty mild
weather: rain snow wind storm fog hail thunder frost
feeling: joy fear anger pride shame grief hope envy
mood: happy sad angry proud glad lonely cheerful gloomy
sound: bang crash hum buzz whistle roar click splash
metal: iron gold silver copper tin steel brass lead
gem: ruby pearl diamond emerald opal amber jade topaz
cloth: cotton silk wool linen velvet lace felt denim
clothes: shirt coat hat sock shoe glove scarf dress
jewel: crown necklace bracelet brooch medal locket earring chain
tool: hammer saw axe spade rake drill needle pliers
weapon: sword spear bow arrow dagger shield cannon club
kitchen thing: spoon fork knife plate cup bowl pan kettle
container: box bag basket barrel jar bottle bucket chest
furniture: chair table bed shelf desk bench sofa stool
room: kitchen bedroom hall cellar attic bathroom pantry nursery
building: house church school barn castle tower shop mill
part of a house: door window roof wall floor stairs chimney gate
vehicle: car bus train cart truck wagon tram sledge
boat: ship canoe raft ferry yacht barge sailboat tugboat
toy: doll ball kite drum puzzle marble top puppet
game: chess tag cards dominoes hopscotch leapfrog checkers skittles
sport: football tennis swimming rowing boxing skating golf archery
music maker: violin piano flute trumpet guitar harp bell organ
dance: waltz jig polka tango ballet reel minuet samba
song: lullaby hymn carol ballad anthem chant chorus tune
body part: hand foot head arm leg knee nose ear
inner part: heart lung bone brain stomach liver blood muscle
family: mother father sister brother uncle aunt cousin grandmother
helper: baker farmer doctor teacher sailor miller tailor painter
ruler: king queen prince princess duke emperor lord sultan
magic being: witch wizard fairy giant dragon elf dwarf goblin
villain: thief robber pirate bandit smuggler burglar rogue spy
land: hill valley mountain meadow desert island forest cave
water place: river lake sea pond stream ocean bay well
sky thing: sun moon cloud comet planet rainbow meteor galaxy
light: lamp candle lantern torch fire spark match beacon
paper thing: book letter map card newspaper diary ticket envelope
writing thing: pen pencil chalk ink crayon brush quill marker
country: france spain italy india china egypt norway brazil
city: london paris rome berlin madrid cairo dublin athens
school subject: reading history music science drawing algebra grammar geography
illness: cold fever cough rash measles headache toothache flu
medicine: pill syrup bandage ointment tonic plaster powder drops
money: penny coin dollar shilling pound cent dime nickel
time of day: morning noon evening night midnight dawn dusk afternoon
way to move: walk run jump crawl swim hop climb skip
way to speak: whisper shout mutter grumble stammer boast sigh gasp
good trait: brave kind honest clever gentle patient polite loyal
bad trait: lazy greedy cruel rude selfish vain mean jealous
farm place: field stable orchard garden coop pasture sty dairy
holiday: christmas easter birthday wedding carnival fair parade halloween
cover: blanket quilt pillow curtain carpet rug sheet towel
fastener: nail screw rope string button zip glue pin
"""


def _read(table):
    categories = {}
    for line in table.strip().splitlines():
        name, words = line.split(": ")
        categories[name] = tuple(words.split())
    return categories


CATEGORIES = _read(TABLE)
