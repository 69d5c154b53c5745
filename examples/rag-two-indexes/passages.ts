/** A short text of the collection, and the name it is cited by. */
export interface Passage {
  readonly id: string;
  readonly text: string;
}

/** Fifty passages about honeybees, written for this example. */
export const PASSAGES: readonly Passage[] = [
  "queen-role: A colony has one queen, and she is the mother of all other bees in it. In early summer she lays up to two thousand eggs a day, more than her own weight.",
  "queen-raising: A queen grows from the same egg as a worker. What makes her a queen is royal jelly, which she is fed through her whole time as a larva, in a cell that hangs downwards.",
  "queen-mating: A young queen leaves the hive a few days after she hatches, mates in flight with ten to twenty drones, and keeps their sperm for years. She never mates again.",
  "queen-scent: The queen gives off a scent that her daughters pass on from mouth to mouth. Where it fails, they notice within hours that she is missing and begin to raise another one.",
  "workers-age: The work of a bee changes with her age. She cleans cells first, then nurses brood, builds comb, guards the entrance, and flies out for food in the last weeks of her life.",
  "workers-lifespan: Workers that hatch in summer live for about six weeks and wear out their wings. Those of autumn live for six months, because they raise no brood and have stores of fat.",
  "drones: Drones are the males. They have no sting, collect nothing, and live to mate; in late summer the workers drive them out of the hive.",
  "drones-eyes: The eyes of a drone meet at the top of his head. They are made for spotting a queen against the sky while he flies.",
  "eggs-sex: Whether a bee becomes male is settled by the egg: fertilised ones become females, unfertilised ones become males. The queen measures the cell with her forelegs and lays accordingly.",
  "brood-time: A worker takes twenty-one days from egg to adult: three as an egg, six as a larva, and twelve as a pupa under a cap of wax. A drone takes twenty-four, a queen sixteen.",
  "brood-warmth: Brood is kept at thirty-five degrees. Heater bees press themselves against the capped cells and tremble with their flight muscles without moving their wings.",
  "cooling: On hot days bees carry in water, spread it in thin films, and fan with their wings at the entrance. The water evaporates and cools the nest.",
  "winter-cluster: In winter the colony hangs together in a ball around the queen. Those outside are the mantle, those inside produce heat, and they change places, living on honey.",
  "waggle-dance: A forager tells where she found food by dancing on the comb. The angle of the waggle run against the vertical is the angle between the food and the sun; its length tells the distance.",
  "round-dance: Where food is near, within some fifty metres, the dance is a circle and gives no direction. Other bees smell the flowers on the dancer and look around for them.",
  "polarised-light: Bees see the pattern of polarised light in the sky. A patch of blue is enough for them to know where the sun stands, though clouds hide it.",
  "colours: Bees see ultraviolet, blue and green, and red is black to them. Many flowers have ultraviolet marks that lead to the nectar like the lines of a runway.",
  "smell: The antennae carry the sense of smell. A bee can tell hundreds of scents apart and learns the one of a flower after a single reward.",
  "flower-constancy: On one trip a bee visits flowers of a single kind. That is why she is a good pollinator: the pollen she carries fits the next flower.",
  "pollination-crops: About a third of what people eat depends on animals that pollinate. Almonds, apples, cherries, pumpkins and oilseed rape set far more fruit where bees are at work.",
  "almond-orchards: Each February trucks bring more than a million hives to the almond orchards of California. It is the largest movement of bees for pollination in the world.",
  "pollen-baskets: A bee combs the pollen from her fur, wets it with nectar, and packs it into the baskets on her hind legs. Two full loads weigh a third of the bee.",
  "bee-bread: Pollen is stamped into cells with honey and saliva, where it ferments. Bee bread is the protein of the colony and the food from which nurses make jelly.",
  "nectar-to-honey: Nectar is mostly water. Bees pass it from mouth to mouth and fan it until less than a fifth is water; then it is honey, and they seal the cell with wax.",
  "honey-keeping: Honey does not spoil. It is sour and so dry that it draws the water out of microbes; jars from Egyptian tombs are said to have been edible still.",
  "honey-crystals: Most honey turns solid after a while, because glucose crystallises. Warmed gently to forty degrees it becomes liquid again without losing its aroma.",
  "honey-colour: The colour of honey depends on the plant. Acacia gives a pale one, buckwheat one that is nearly black, and heather one that is a jelly until it is stirred.",
  "honey-infants: Infants under a year must not be given honey. It may hold spores of botulism, against which their gut has no defence yet.",
  "honeydew: Forest honey does not come from flowers. Aphids suck the sap of firs and oaks and leave sweet honeydew on the needles, and bees collect that.",
  "mad-honey: Honey from some rhododendrons is poisonous. Soldiers of Xenophon who ate of it near the Black Sea could not stand up for a day.",
  "wax-glands: Wax comes out of glands on the belly of young workers, as thin scales. A bee chews them soft and needs about seven grams of honey to make one gram.",
  "comb-hexagons: The cells of a comb are hexagons. No other shape that fills a plane holds as much honey with so little wall.",
  "comb-slope: Cells slope upwards by some ten degrees from the middle wall. Nectar would run out of them otherwise.",
  "propolis: Bees collect resin from the buds of poplars and birches. With this propolis they close cracks, varnish the inside of the hive, and embalm a mouse that died there.",
  "sting: The sting of a worker has barbs and stays in the skin of mammals, with the venom gland that goes on pumping. She dies of it; other insects she can sting many times.",
  "sting-first-aid: A sting that stays in the skin should be scraped out at once, whichever way is fastest. Cold helps against the swelling; trouble with breathing is an emergency.",
  "alarm-scent: A bee that stings releases an alarm scent that smells of bananas. It tells the others where to attack.",
  "smoke: Smoke makes bees easier to handle. It covers the alarm scent, and it makes them fill up with honey as if they had to flee from a fire.",
  "swarm: In May the old queen leaves with half of the colony. The swarm hangs in a tree for some days until scouts have found a new home.",
  "swarm-vote: Scouts of a swarm dance for the hollow they have found, the better the longer. When enough of them have gathered at one place, all fly there: a vote by quorum.",
  "hive-langstroth: Lorenzo Langstroth saw in 1851 that bees leave a gap of eight millimetres free of comb. Frames at that distance can be lifted out; all modern hives are built so.",
  "skep: Before there were frames, bees were kept in skeps, baskets of straw. To take the honey the keeper had to break out the comb, and often killed the colony with sulphur.",
  "extractor: A honey extractor spins the frames in a drum. The comb stays whole and is given back, which saves the bees the wax.",
  "varroa: Varroa is a mite from Asia that breeds under the caps of the brood. It sucks the fat body of the larvae and carries viruses; without treatment most colonies in Europe die of it.",
  "varroa-treatment: Against mites keepers use formic acid in late summer and oxalic acid in winter, when there is no brood. Cutting out drone brood removes mites, too.",
  "foulbrood: American foulbrood is caused by a bacterium whose spores stay alive for decades. In most countries it must be reported, and hives are burned or scorched.",
  "hornets: The Asian hornet hovers before the hive and takes foragers as they come home. Japanese bees answer by covering the hornet in a ball and heating it to death.",
  "pesticides: Neonicotinoids harm the nerves of bees: they forget the way home. The European Union has banned three of them outdoors since 2018.",
  "wild-bees: There are some twenty thousand species of wild bees, and most live alone. Many nest in the ground, others in hollow stems, and bumblebees found a new colony each spring.",
  "cave-painting: A painting in the Cuevas de la Araña in Spain shows somebody on ropes who takes honey from a cliff. It is about eight thousand years old.",
].map(passageOf);

function passageOf(line: string): Passage {
  const colon = line.indexOf(": ");
  return { id: line.slice(0, colon), text: line.slice(colon + 2) };
}
